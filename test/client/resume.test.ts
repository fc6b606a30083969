import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, truncateSync } from 'node:fs';
import { open, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  createClient,
  fileStateStore,
  type NodeClient,
  type StateStore,
  type UploadOptions,
} from '../../packages/client/src/node/index.ts';
import { seededRandom } from '../faults/seeded-random.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { killAtExit } from '../support/leftovers.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import {
  collectEvents,
  createTestClient,
  PART_SIZE,
  sha1OnServer,
  startSmallPartsServer,
  temporaryFolder,
} from './client-fixture.ts';
import { type SeenRequest, startFaultProxy } from './fault-proxy.ts';

const CHILD = fileURLToPath(new URL('./uploading-child.ts', import.meta.url));
const seed = Number(process.env.PARTWAY_TEST_SEED ?? Date.now() % 1_000_000);
const kills = Number(process.env.PARTWAY_TEST_KILLS ?? 5);
const PARTS = Math.max(80, 16 * kills);

describe(`resumed uploads (seed ${seed})`, () => {
  const bytes = seededBytes(PARTS * PART_SIZE - 77, `resume ${seed}`);
  const sha1 = sha1Hex(bytes);
  const random = seededRandom(seed);
  let server: TestServer;
  let folder: string;
  let path: string;
  let count = 0;

  before(async () => {
    [server, folder] = await Promise.all([startSmallPartsServer(), temporaryFolder()]);
    path = join(folder, 'source.bin');
    await writeFile(path, bytes);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  test('a client that is killed at random moments resumes and sends no stored part twice', async () => {
    await using proxy = await startFaultProxy(server, ({ method }) => (method === 'PUT' ? { delay: 10 } : undefined));
    const states = join(folder, 'killed');
    const { chunkedUploads } = createTestClient(server);
    const stored = new Set<number>();
    const offsets = (from: number) => proxy.puts().slice(from).map(offsetOf);
    for (let run = 0; ; run += 1) {
      const before = proxy.puts().length;
      const child = startChild([proxy.url, path, 'killed.bin', states], server.token);
      const begun = await child.seen('session-created', 'resumed');
      assert.equal(begun.type, run === 0 ? 'session-created' : 'resumed');
      if (run >= kills) {
        const result = await child.seen('result');
        assert.equal(result.sha1, sha1);
        assert.equal(await sha1OnServer(server, String(result.fileId)), sha1);
      } else {
        const enough = before + 1 + random.below(Math.ceil(PARTS / (2 * kills)));
        await until(() => proxy.puts().length >= enough);
        await child.kill();
      }
      // A part that the server had stored, whether its response was received or not, is never sent again.
      assert.deepEqual(
        offsets(before).filter((offset) => stored.has(offset)),
        [],
      );
      if (run >= kills) break;
      const session = proxy.puts()[0]?.path.split('/').at(-1) ?? '';
      const { entries } = await chunkedUploads.getFileUploadSessionParts(session, { queryParams: { limit: PARTS } });
      for (const { offset } of entries) stored.add(offset);
    }
    assert.ok(stored.size > 0);
    assert.deepEqual(await readdir(states), []);
  });

  test('a client waits for a server that is killed during the upload and loses nothing', async () => {
    await using proxy = await startFaultProxy(server);
    const acknowledged = () => proxy.puts().filter(({ status }) => status === 200).length;
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const upload = client.uploadFile(path, { name: 'server killed.bin', sessionFrom: 1, onEvent: events.onEvent });
    upload.catch(() => {});
    for (let kill = 0; kill < 3; kill += 1) {
      const enough = acknowledged() + 1 + random.below(PARTS / 8);
      await until(() => acknowledged() >= enough);
      await server.kill();
      await server.restart();
    }
    const { file } = await upload;
    assert.equal(await sha1OnServer(server, file.id), sha1);
    assert.deepEqual(events.of('restarted'), []);
    client.close();
  });

  /**
   * Runs a client that stops after about a third of the parts, and a second one that resumes with what `prepare`
   * left.
   */
  async function stopAndResume(options: {
    source?: () => Parameters<NodeClient['uploadFile']>[0];
    upload?: UploadOptions;
    prepare?: (store: StateStore) => Promise<unknown>;
  }) {
    count += 1;
    const store = fileStateStore(join(folder, `states ${count}`));
    const client = createClient({ server: server.url, token: server.token, store });
    const events = collectEvents();
    const cancel = new AbortController();
    const given: UploadOptions = { name: `resumed ${count}`, sessionFrom: 1, parallel: 2, ...options.upload };
    const source = options.source ?? (() => path);
    const first = client.uploadFile(source(), {
      ...given,
      signal: cancel.signal,
      progressInterval: 1,
      onEvent: events.onEvent,
      onProgress: ({ bytesStored, bytesTotal }) => bytesStored > bytesTotal / 3 && cancel.abort(new Error('enough')),
    });
    await assert.rejects(first, /enough/);
    await options.prepare?.(store);
    const second = collectEvents();
    const result = client.uploadFile(source(), { ...given, onEvent: second.onEvent });
    await result.catch(() => {});
    client.close();
    return { result, first: events, second, store };
  }

  test('a canceled upload resumes, and its state is deleted at the end', async () => {
    const { result, first, second, store } = await stopAndResume({});
    const { file, bytesResumed, bytesSent } = await result;
    assert.equal(await sha1OnServer(server, file.id), sha1);
    assert.ok(bytesResumed > bytes.length / 3);
    assert.equal(bytesSent + bytesResumed, bytes.length);
    assert.equal(first.of('stopped')[0]?.resumable, true);
    assert.deepEqual(second.types(), ['resumed']);
    assert.deepEqual(await store.list(), []);
  });

  test('a stream that is provided again from its first byte sends only missing parts', async () => {
    const source = () => new Blob([bytes]).stream();
    const { result, second } = await stopAndResume({ source, upload: { size: bytes.length } });
    const { bytesResumed, bytesSent } = await result;
    assert.equal(bytesSent + bytesResumed, bytes.length);
    assert.deepEqual(second.types(), ['resumed']);
  });

  test('an upload state is a file that only its owner can read, and names the session and the source', async () => {
    await stopAndResume({
      async prepare(store) {
        const place = join(folder, `states ${count}`);
        const [name = ''] = await readdir(place);
        assert.equal((await stat(join(place, name))).mode & 0o777, 0o600);
        assert.equal((await stat(place)).mode & 0o777, 0o700);
        const text = await readFile(join(place, name), 'utf8');
        assert.ok(!text.includes(server.token));
        const [state] = await store.list();
        assert.deepEqual(JSON.parse(text), state);
        assert.deepEqual(
          [state?.source.name, state?.source.size, state?.session.partSize, state?.target],
          [path, bytes.length, PART_SIZE, { folderId: '0', name: `resumed ${count}` }],
        );
      },
    });
  });

  test('an upload with a damaged state or one of another version restarts', async () => {
    for (const text of ['{"version":1,', '{"version":2}', '']) {
      const { result, second } = await stopAndResume({
        async prepare() {
          const place = join(folder, `states ${count}`);
          for (const name of await readdir(place)) await writeFile(join(place, name), text);
        },
      });
      await result;
      assert.deepEqual(second.types(), ['session-created']);
    }
  });

  test('if the state cannot be saved, the upload continues and reports that it cannot be resumed', async () => {
    const blocked = join(folder, 'blocked');
    await writeFile(blocked, 'a file where a folder should be');
    const client = createClient({ server: server.url, token: server.token, store: fileStateStore(join(blocked, 'x')) });
    const events = collectEvents();
    await assert.doesNotReject(client.uploadFile(path, { name: 'unkept', sessionFrom: 1, onEvent: events.onEvent }));
    assert.match(events.of('not-kept').at(-1)?.message ?? '', /cannot be resumed/);
    client.close();
  });

  for (const [what, change, message] of [
    ['grew', (file: string) => writeFile(file, 'more', { flag: 'a' }), /The size of .* has changed/],
    ['was written again', (file: string) => utimes(file, 1, 1), /The modification time of .* has changed/],
    ['has other bytes with the same size and time', changeUnnoticed, /differs from the uploaded part at byte 0/],
  ] as const) {
    test(`a file that ${what} since the upload was interrupted is detected, and the upload restarts`, async () => {
      const changed = join(folder, `${what}.bin`);
      await writeFile(changed, bytes);
      await utimes(changed, 1_700_000_000, 1_700_000_000);
      const { result, second } = await stopAndResume({ source: () => changed, prepare: () => change(changed) });
      const { file, sha1: now } = await result;
      assert.equal(now, sha1Hex(await readFile(changed)));
      assert.equal(await sha1OnServer(server, file.id), now);
      assert.deepEqual(
        second.of('restarted').map(({ reason }) => reason),
        ['source-changed'],
      );
      assert.match(second.of('restarted')[0]?.message ?? '', message);
    });
  }

  for (const [what, memory, change] of [
    ['grows', undefined, (file: string) => appendFileSync(file, 'and more')],
    ['is truncated while its parts are read again for sending', PART_SIZE, (file: string) => truncateSync(file, 1e6)],
  ] as const) {
    test(`a file that ${what} during the upload is uploaded again with its new bytes`, async () => {
      const changing = join(folder, `${what} meanwhile.bin`);
      await writeFile(changing, bytes);
      const client = createTestClient(server);
      const events = collectEvents();
      let changed = false;
      const { file } = await client.uploadFile(changing, {
        sessionFrom: 1,
        memory,
        progressInterval: 1,
        onEvent: events.onEvent,
        onProgress({ bytesStored }) {
          if (changed || bytesStored < bytes.length / 4) return;
          changed = true;
          change(changing);
        },
      });
      assert.equal(await sha1OnServer(server, file.id), sha1Hex(await readFile(changing)));
      assert.equal(events.of('restarted')[0]?.reason, 'source-changed');
      client.close();
    });
  }

  test('an upload whose session no longer exists on the server restarts and reports that', async () => {
    const { result, second } = await stopAndResume({
      async prepare(store) {
        const [state] = await store.list();
        await createTestClient(server).chunkedUploads.deleteFileUploadSessionById(state?.session.id ?? '');
      },
    });
    await result;
    assert.deepEqual(second.types(), ['restarted', 'session-created']);
    assert.equal(second.of('restarted')[0]?.reason, 'session-gone');
  });

  test('a commit that succeeded just before the client died returns the same file', async () => {
    await using proxy = await startFaultProxy(server, ({ path: called }) =>
      called.endsWith('/commit') && dead ? { loseResponse: true } : undefined,
    );
    let dead = true;
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const upload = () =>
      client.uploadFile(path, { name: 'committed', sessionFrom: 1, patience: 1, onEvent: events.onEvent });
    await assert.rejects(upload(), { name: 'TransportError' });
    dead = false;
    const { bytesSent } = await upload();
    assert.equal(bytesSent, 0);
    assert.deepEqual(events.types(), ['session-created', 'stopped', 'resumed']);
    client.close();
  });

  test('if the session disappears with its commit, as on Box, the file is found by its digest', async () => {
    const gone = { status: 404, json: { type: 'error', status: 404, code: 'not_found', message: 'Gone.' } };
    await using proxy = await startFaultProxy(server, ({ path: called, method }) => {
      if (called.endsWith('/commit')) return { loseResponse: true };
      return committed && method === 'GET' && called.includes('upload_sessions') ? { answer: gone } : undefined;
    });
    let committed = false;
    const client = createTestClient(server, proxy);
    const upload = () => client.uploadFile(path, { name: 'forgotten', sessionFrom: 1, patience: 1 });
    await assert.rejects(upload(), { name: 'TransportError' });
    committed = true;
    const { sha1: found, bytesSent, file } = await upload();
    assert.deepEqual([found, bytesSent, file.name], [sha1, 0, 'forgotten']);
    client.close();
  });

  test('canceling with deletion leaves nothing to resume, on the server and locally', async () => {
    const { result, first, second, store } = await stopAndResume({ upload: { abortSession: true } });
    await result;
    assert.equal(first.of('stopped')[0]?.resumable, false);
    assert.deepEqual(second.types(), ['session-created']);
    const session = first.of('session-created')[0]?.sessionId ?? '';
    await assert.rejects(createTestClient(server).chunkedUploads.getFileUploadSessionById(session), { status: 404 });
    assert.deepEqual(await store.list(), []);
  });

  test('an upload that is canceled before it starts does nothing', async () => {
    await using proxy = await startFaultProxy(server);
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const options = { name: 'never', signal: AbortSignal.abort(new Error('never')), onEvent: events.onEvent };
    await assert.rejects(client.uploadFile(path, options), /never/);
    // No request was sent, and no start was reported.
    assert.deepEqual(proxy.seen, []);
    assert.deepEqual(events.of('session-created'), []);
    client.close();
  });
});

/** The offset in the file of the part in a request. */
function offsetOf({ headers }: SeenRequest): number {
  return Number(/^bytes (\d+)-/.exec(String(headers['content-range']))?.[1]);
}

/** Changes bytes but neither the size nor the modification time. */
async function changeUnnoticed(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.write(Buffer.from('other bytes'), 0, 11, 1000);
  await file.utimes(1_700_000_000, 1_700_000_000);
}

interface ChildEvent {
  type: string;
  [field: string]: unknown;
}

function startChild(args: string[], token: string) {
  const child: ChildProcess = spawn(process.execPath, [CHILD, ...args], {
    env: { PATH: process.env.PATH ?? '', TOKEN: token },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  killAtExit(child);
  assert.ok(child.stdout);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    /** The next line of one of these types; others are skipped. */
    async seen(...types: string[]): Promise<ChildEvent> {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`the client ended before it reported ${types.join(' or ')}`);
        const told = JSON.parse(value) as ChildEvent;
        if (types.includes(told.type)) return told;
      }
    },
    async kill(): Promise<void> {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
