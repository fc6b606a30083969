import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  ApiError,
  type NodeClient,
  type NodeSource,
  type UploadProgress,
} from '../../packages/client/src/node/index.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';
import {
  collectEvents,
  createTestClient,
  PART_SIZE,
  sha1OnServer,
  startSmallPartsServer,
  temporaryFolder,
} from './client-fixture.ts';

const IN_PARTS = { sessionFrom: 1 };

describe('uploadFile', () => {
  const bytes = seededBytes(10 * PART_SIZE + 12_345, 'upload');
  const sha1 = sha1Hex(bytes);
  let server: TestServer;
  let client: NodeClient;
  let folder: string;
  let path: string;

  before(async () => {
    [server, folder] = await Promise.all([startSmallPartsServer(), temporaryFolder()]);
    client = createTestClient(server);
    path = join(folder, 'source.bin');
    await writeFile(path, bytes);
    await utimes(path, 1_700_000_000, 1_700_000_000);
  });
  after(async () => {
    client.close();
    await server[Symbol.asyncDispose]();
  });

  async function* inOddChunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 7 + 3) % 50_000) {
      yield bytes.subarray(at, Math.min(bytes.length, at + step));
      if (at + step >= bytes.length) return;
    }
  }

  const size = bytes.length;
  const sources: [string, () => NodeSource, { size?: number }?][] = [
    ['a path', () => path],
    ['a file: URL', () => pathToFileURL(path)],
    ['a Buffer', () => bytes],
    ['a Uint8Array', () => new Uint8Array(bytes)],
    ['a Blob', () => new Blob([bytes])],
    ['a File', () => new File([bytes], 'file.bin')],
    ['a Node stream', () => createReadStream(path), { size }],
    ['a web stream', () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>, { size }],
    ['a generator with odd chunks', inOddChunks, { size }],
  ];
  for (const [what, source, options] of sources) {
    test(`${what} is uploaded in parts and downloaded unchanged`, async () => {
      const result = await client.uploadFile(source(), { name: `${what} in parts`, ...IN_PARTS, ...options });
      assert.equal(result.sha1, sha1);
      assert.deepEqual([result.file.size, result.file.sha1, result.bytesSent], [size, sha1, size]);
      assert.equal(await sha1OnServer(server, result.file.id), sha1);
    });

    test(`${what} is uploaded in one request if it is small`, async () => {
      const events = collectEvents();
      const result = await client.uploadFile(source(), { name: `${what} whole`, onEvent: events.onEvent, ...options });
      assert.deepEqual([result.sessionId, result.file.sha1, events.types()], [undefined, sha1, []]);
      assert.equal(await sha1OnServer(server, result.file.id), sha1);
    });
  }

  test('a path provides the name and the modification time', async () => {
    const { file } = await client.uploadFile(path, IN_PARTS);
    assert.deepEqual([file.name, file.content_modified_at], ['source.bin', '2023-11-14T22:13:20Z']);
    const file2 = (await client.uploadFile(new File(['x'], 'named.txt', { lastModified: 1_700_000_000_000 }))).file;
    assert.deepEqual([file2.name, file2.content_modified_at], ['named.txt', '2023-11-14T22:13:20Z']);
  });

  test('attributes given for a file are stored with it', async () => {
    const said = { description: 'a description', contentCreatedAt: new Date('2020-01-02T03:04:05.678Z') };
    for (const options of [{ name: 'said whole' }, { name: 'said in parts', ...IN_PARTS }]) {
      const { file } = await client.uploadFile(bytes, { ...options, ...said });
      assert.deepEqual([file.description, file.content_created_at], ['a description', '2020-01-02T03:04:05Z']);
    }
  });

  test('an empty file is uploaded', async () => {
    const { file } = await client.uploadFile(new Uint8Array(), { name: 'empty', ...IN_PARTS, sessionFrom: 0 });
    assert.deepEqual([file.size, file.sha1], [0, 'da39a3ee5e6b4b0d3255bfef95601890afd80709']);
  });

  test('a file is uploaded to the given folder', async () => {
    const inner = await client.folders.createFolder({ name: 'inner', parent: { id: '0' } });
    const { file } = await client.uploadFile(path, { folderId: inner.id, ...IN_PARTS });
    assert.equal(file.parent?.id, inner.id);
  });

  test('with memory for less than two parts, a file is read again while it is sent', async () => {
    const result = await client.uploadFile(path, { name: 'no memory', memory: 2 * PART_SIZE - 1, ...IN_PARTS });
    assert.equal(await sha1OnServer(server, result.file.id), sha1);
  });

  test('with memory for no part at all, a stream is uploaded one part after the other', async () => {
    let maxSending = 0;
    const { file } = await client.uploadFile(inOddChunks(), {
      name: 'stream without memory',
      size,
      memory: 1,
      ...IN_PARTS,
      progressInterval: 1,
      onProgress: ({ parts }) => {
        maxSending = Math.max(maxSending, parts.filter(({ state }) => state === 'sending').length);
      },
    });
    assert.equal(file.sha1, sha1);
    assert.equal(maxSending, 1);
  });

  test('a stream that is shorter or longer than its size creates no file', async () => {
    for (const [name, wrong] of [
      ['shorter', size + 1],
      ['longer', size - 1],
    ] as const) {
      for (const way of [IN_PARTS, {}]) {
        const upload = client.uploadFile(inOddChunks(), { name, size: wrong, ...way });
        await assert.rejects(upload, /declared size/);
      }
    }
    const { entries } = await client.folders.getFolderItems('0', { queryParams: { limit: 1000 } });
    assert.ok(!entries.some(({ name }) => name === 'shorter' || name === 'longer'));
    await assert.rejects(client.uploadFile(inOddChunks(), { name: 'sizeless' }), /`size`/);
    await assert.rejects(client.uploadFile(bytes), /`name`/);
  });

  test('a new version of a file is uploaded', async () => {
    const first = await client.uploadFile(Buffer.from('first'), { name: 'versions.bin' });
    const second = await client.uploadFile(path, { fileId: first.file.id, ...IN_PARTS });
    assert.deepEqual([second.file.id, second.file.sha1, second.file.name], [first.file.id, sha1, 'versions.bin']);
    const third = await client.uploadFile(Buffer.from('third'), { fileId: first.file.id, name: 'renamed.bin' });
    assert.deepEqual([third.file.id, third.file.size, third.file.name], [first.file.id, 5, 'renamed.bin']);
    for (const way of [IN_PARTS, {}]) {
      const stale = client.uploadFile(path, { fileId: first.file.id, ifMatch: first.file.etag, ...way });
      await assert.rejects(stale, { status: 412 });
    }
  });

  for (const [way, options] of [
    ['in parts', IN_PARTS],
    ['in one request', {}],
  ] as const) {
    test(`a taken name ${way} is rejected, numbered or gets a new version, as requested`, async () => {
      const name = `taken ${way}.tar.gz`;
      const first = await client.uploadFile(Buffer.from('first'), { name });
      await assert.rejects(client.uploadFile(bytes, { name, ...options }), (error) => {
        assert.ok(error instanceof ApiError);
        assert.deepEqual([error.status, error.code], [409, 'item_name_in_use']);
        return true;
      });
      const events = collectEvents();
      const renamed = await client.uploadFile(bytes, { name, conflict: 'rename', onEvent: events.onEvent, ...options });
      assert.equal(renamed.file.name, `taken ${way}.tar (1).gz`);
      assert.equal(events.of('renamed')[0]?.to, renamed.file.name);
      const again = await client.uploadFile(bytes, { name, conflict: 'rename', ...options });
      assert.equal(again.file.name, `taken ${way}.tar (2).gz`);
      const version = await client.uploadFile(bytes, { name, conflict: 'version', ...options });
      assert.deepEqual([version.file.id, version.file.sha1], [first.file.id, sha1]);
      const { total_count: past } = await client.fileVersions.getFileVersions(first.file.id);
      assert.equal(past, 1);
    });
  }

  test('a folder with the same name prevents a new version', async () => {
    await client.folders.createFolder({ name: 'a folder', parent: { id: '0' } });
    for (const options of [IN_PARTS, {}]) {
      const upload = client.uploadFile(bytes, { name: 'a folder', conflict: 'version', ...options });
      await assert.rejects(upload, { code: 'item_name_in_use' });
    }
  });

  test("a file below the server's minimum session size is uploaded in one request", async () => {
    await using other = await startSmallPartsServer({ PARTWAY_MIN_SESSION_SIZE: '20000000' });
    const client = createTestClient(other);
    const result = await client.uploadFile(path, IN_PARTS);
    client.close();
    assert.deepEqual([result.sessionId, result.file.sha1], [undefined, sha1]);
  });

  test('progress adds up, and each part advances from queued to sent', async () => {
    const seen: UploadProgress[] = [];
    const states = new Map<number, Set<string>>();
    const { bytesSent } = await client.uploadFile(path, {
      name: 'progress.bin',
      ...IN_PARTS,
      progressInterval: 1,
      onProgress(progress) {
        seen.push(progress);
        for (const { offset, state } of progress.parts)
          states.set(offset, (states.get(offset) ?? new Set()).add(state));
        const stored = progress.parts.filter(({ state }) => state === 'sent' || state === 'stored');
        if (progress.phase !== 'done') {
          assert.equal(
            progress.bytesStored,
            stored.reduce((sum, part) => sum + part.size, 0),
          );
          const total = progress.parts.reduce((sum, part) => sum + part.sent, 0);
          assert.equal(progress.bytesDone, progress.bytesStored + total);
        }
        assert.ok(progress.bytesDone <= progress.bytesTotal);
      },
    });
    assert.equal(bytesSent, size);
    assert.equal(states.size, 11);
    const phases = new Set(seen.map(({ phase }) => phase));
    phases.delete('starting');
    assert.deepEqual([...phases], ['sending', 'committing', 'done']);
    const last = seen.at(-1);
    assert.deepEqual([last?.phase, last?.bytesDone, last?.bytesStored, last?.secondsLeft], ['done', size, size, 0]);
    assert.ok(last?.parts.every(({ state, tries }) => state === 'sent' && tries === 1));
  });
});
