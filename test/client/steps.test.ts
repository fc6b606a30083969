import assert from 'node:assert/strict';
import { stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  createClient,
  memoryStateStore,
  type NodeClient,
  type StateStore,
  type UploadOptions,
} from '../../packages/client/src/node/index.ts';
import { numberedName } from '../../packages/client/src/upload/conflict.ts';
import { listStoredParts } from '../../packages/client/src/upload/list-parts.ts';
import { ProgressMeter } from '../../packages/client/src/upload/progress.ts';
import { seededBytes, sha1Base64, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';
import {
  collectEvents,
  createTestClient,
  PART_SIZE,
  sha1OnServer,
  startSmallPartsServer,
  temporaryFolder,
} from './client-fixture.ts';
import { type Fault, type SeenRequest, startFaultProxy } from './fault-proxy.ts';
import { errorResponse, isCommit, isCreate, isDirectUpload, isPut } from './uploads-through-proxy.ts';

test('a number is inserted before the last dot of a name, or appended if the name starts with its only dot', () => {
  assert.deepEqual(
    [
      numberedName('a.tar.gz', 2),
      numberedName('.bashrc', 1),
      numberedName('none', 1),
      numberedName('a.b', 1),
      numberedName('a.b', 0),
    ],
    ['a.tar (2).gz', '.bashrc (1)', 'none (1)', 'a (1).b', 'a.b'],
  );
});

test('bytes that an earlier run has stored do not count for the rate', () => {
  using meter = new ProgressMeter(4 * PART_SIZE, undefined, 1000);
  meter.setPartSize(PART_SIZE);
  const [first, second, third, last] = meter.parts;
  assert.ok(first && second && third && last);
  meter.recordStored(first, 'stored');
  meter.recordSent(second, 1000);
  assert.deepEqual(
    [meter.bytesStored, meter.bytesSent, meter.progress().bytesDone],
    [PART_SIZE, 1000, PART_SIZE + 1000],
  );
  // Sent again from the start: the bytes sent before were wasted, but count as sent.
  meter.recordSent(second, 0);
  meter.recordSent(second, PART_SIZE);
  meter.recordStored(second, 'sent');
  assert.deepEqual([meter.bytesStored, meter.bytesSent], [2 * PART_SIZE, PART_SIZE + 1000]);
  meter.recordStored(third, 'stored');
  assert.equal(meter.progress().bytesPerSecond, undefined);
  assert.equal(meter.progress().bytesDone, 3 * PART_SIZE);
  meter.setPhase('done');
  assert.deepEqual([meter.progress().bytesStored, meter.progress().secondsLeft], [4 * PART_SIZE, 0]);
});

describe('steps of an upload', { concurrency: 4 }, () => {
  const bytes = seededBytes(5 * PART_SIZE - 1, 'steps');
  const sha1 = sha1Hex(bytes);
  let server: TestServer;
  let direct: NodeClient;
  before(async () => {
    server = await startSmallPartsServer();
    direct = createTestClient(server);
  });
  after(async () => {
    direct.close();
    await server[Symbol.asyncDispose]();
  });

  /** Uploads through a proxy that does what `decide` returns. */
  async function uploadThrough(
    name: string,
    decide: (seen: SeenRequest, client: NodeClient) => Fault | undefined,
    options: UploadOptions = {},
    { source = bytes as string | Uint8Array, store = memoryStateStore() as StateStore } = {},
  ) {
    await using proxy = await startFaultProxy(server, (seen) => decide(seen, client));
    const client: NodeClient = createClient({ server: proxy.url, token: server.token, store });
    const events = collectEvents();
    const given = { name, sessionFrom: 1, onEvent: events.onEvent, ...options };
    const result = await client.uploadFile(source, given).then(
      (done) => done,
      (error: unknown) => ({ error: error as { code?: string; status?: number } }),
    );
    client.close();
    return {
      result,
      events,
      proxy,
      file: 'file' in result ? result.file : undefined,
      error: 'error' in result ? result.error : undefined,
    };
  }

  test('the list of stored parts is read to its end, whatever the page size', async () => {
    const { chunkedUploads } = direct;
    const session = await chunkedUploads.createFileUploadSession({
      folder_id: '0',
      file_name: 'paged',
      file_size: bytes.length,
    });
    for (const { offset, bytes: part } of splitIntoParts(bytes, PART_SIZE)) {
      const contentRange = `bytes ${offset}-${offset + part.length - 1}/${bytes.length}`;
      await chunkedUploads.uploadFilePart(session.id, part, { digest: `sha=${sha1Base64(part)}`, contentRange });
    }
    for (const limit of [1, 2, 5, 1000]) {
      let pages = 0;
      const paged: typeof chunkedUploads = {
        ...chunkedUploads,
        getFileUploadSessionPartsByUrl(url, options) {
          pages += 1;
          return chunkedUploads.getFileUploadSessionPartsByUrl(url, {
            queryParams: { ...options?.queryParams, limit },
          });
        },
      };
      const parts = await listStoredParts(
        { ...direct, chunkedUploads: paged },
        session.session_endpoints.list_parts,
        undefined,
      );
      assert.deepEqual(
        [...parts.keys()],
        [0, 1, 2, 3, 4].map((n) => n * PART_SIZE),
      );
      assert.equal(pages, Math.ceil(5 / limit));
    }
    await chunkedUploads.deleteFileUploadSessionById(session.id);
  });

  for (const sessionFrom of [1, Number.POSITIVE_INFINITY]) {
    const how = sessionFrom === 1 ? 'in parts' : 'in one piece';

    test(`a folder with the same name gets no version, and a name that stays taken is tried once more (${how})`, async () => {
      await direct.folders.createFolder({ name: `folder ${how}`, parent: { id: '0' } });
      const folder = await uploadThrough(`folder ${how}`, () => undefined, { conflict: 'version', sessionFrom });
      assert.equal(folder.error?.code, 'item_name_in_use');
      const { file } = await direct.uploadFile(Buffer.from('x'), { name: `taken ${how}` });
      const taken = errorResponse(409, 'item_name_in_use');
      const conflicts = {
        answer: {
          status: 409,
          json: { ...(taken.answer?.json as object), context_info: { conflicts: { type: 'file', id: file.id } } },
        },
      };
      const always = await uploadThrough(
        `taken ${how}`,
        (seen) => (isCreate(seen) || isDirectUpload(seen) ? conflicts : undefined),
        { conflict: 'version', sessionFrom },
      );
      assert.equal(always.error?.code, 'item_name_in_use');
      assert.equal(always.proxy.seen.filter((seen) => isCreate(seen) || isDirectUpload(seen)).length, 2);
    });

    test(`a version is only created of the file with the requested etag (${how})`, async () => {
      const { file } = await direct.uploadFile(Buffer.from('x'), { name: `etag ${how}` });
      const stale = await uploadThrough('', () => undefined, {
        fileId: file.id,
        ifMatch: '17',
        sessionFrom,
        name: undefined,
      });
      assert.equal(stale.error?.status, 412);
      const right = await uploadThrough('', () => undefined, {
        fileId: file.id,
        ifMatch: file.etag,
        sessionFrom,
        name: undefined,
      });
      assert.equal(right.file?.sha1, sha1);
    });
  }

  test('a session that now belongs to another user restarts the upload; another 403 does not', async () => {
    let refused = 0;
    const other = await uploadThrough('forbidden', (seen) => {
      if (!isPut(seen) || refused > 0) return undefined;
      refused += 1;
      return errorResponse(403, 'forbidden');
    });
    assert.equal(other.file?.sha1, sha1);
    assert.deepEqual(
      other.events.of('restarted').map(({ reason }) => reason),
      ['session-gone'],
    );
    const scope = await uploadThrough('scope', (seen) =>
      isPut(seen) ? errorResponse(403, 'insufficient_scope') : undefined,
    );
    assert.equal(scope.error?.code, 'insufficient_scope');
    assert.deepEqual(scope.events.of('restarted'), []);
  });

  test('a source of another size restarts the upload even if its modification time is the same', async () => {
    const path = join(await temporaryFolder(), 'size.bin');
    await writeFile(path, bytes);
    const { atime, mtime } = await stat(path);
    let isFull = true;
    await using proxy = await startFaultProxy(server, (seen) =>
      isFull && isPut(seen) && seen.before > 2 ? errorResponse(507, 'insufficient_storage') : undefined,
    );
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const upload = () => client.uploadFile(path, { name: 'size', sessionFrom: 1, onEvent: events.onEvent });
    await assert.rejects(upload(), { status: 507 });
    isFull = false;
    const shorter = bytes.subarray(0, bytes.length - 10);
    await writeFile(path, shorter);
    await utimes(path, atime, mtime);
    assert.equal((await upload()).sha1, sha1Hex(shorter));
    assert.match(events.of('restarted')[0]?.message ?? '', /The size of .* has changed since its upload began/);
    const left = (await client.chunkedUploads.getFileUploadSessions()).entries;
    assert.deepEqual(
      left.filter(({ file_name: name }) => name === 'size'),
      [],
    );
    client.close();
  });

  test('a file that changes after its last part was sent is detected before the commit', async () => {
    const path = join(await temporaryFolder(), 'late.bin');
    const changed = seededBytes(bytes.length, 'late change');
    await writeFile(path, bytes);
    let writes = 0;
    const { file, events, proxy } = await uploadThrough(
      'late',
      (seen) => {
        if (!isPut(seen) || !seen.headers['content-range']?.startsWith(`bytes ${4 * PART_SIZE}-`) || writes > 0)
          return undefined;
        writes += 1;
        return { before: () => writeFile(path, changed) };
      },
      {},
      { source: path },
    );
    assert.equal(file?.sha1, sha1Hex(changed));
    assert.equal(events.of('restarted')[0]?.reason, 'source-changed');
    assert.equal(proxy.seen.filter(isCommit).length, 1);
  });

  test('the whole-file hash is saved before the commit, and the state is deleted after it', async () => {
    const store = memoryStateStore();
    const kept: (string | undefined)[] = [];
    const { file } = await uploadThrough(
      'kept',
      (seen) => (isCommit(seen) ? { before: async () => void kept.push((await store.list())[0]?.sha1) } : undefined),
      {},
      { store },
    );
    assert.deepEqual([file?.sha1, kept, await store.list()], [sha1, [sha1], []]);
  });

  test('a file with the same name and other bytes is not mistaken for the one whose commit was lost', async () => {
    let lost = false;
    const { file, events } = await uploadThrough(
      'not ours',
      (seen) => {
        if (!isCommit(seen) || lost) return undefined;
        lost = true;
        return {
          before: () => direct.uploadFile(Buffer.from('x'), { name: 'not ours' }),
          ...errorResponse(404, 'not_found'),
        };
      },
      { conflict: 'rename' },
    );
    assert.deepEqual([file?.name, file?.sha1], ['not ours (1)', sha1]);
    assert.ok(events.of('restarted').length > 0);
  });

  test('a commit whose response was lost is found by the next run even if the session has disappeared', async () => {
    let gone = false;
    await using proxy = await startFaultProxy(server, (seen) => {
      if (isCommit(seen)) return { loseResponse: true };
      return gone && /\/upload_sessions\/[^/]+$/.test(seen.path) ? errorResponse(404, 'not_found') : undefined;
    });
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const upload = () =>
      client.uploadFile(bytes, { name: 'found', sessionFrom: 1, patience: 300, onEvent: events.onEvent });
    await assert.rejects(upload(), { name: 'TransportError' });
    gone = true;
    const { file, bytesResumed, bytesSent } = await upload();
    assert.deepEqual([file.sha1, bytesResumed, bytesSent], [sha1, bytes.length, 0]);
    assert.equal(events.of('session-created').length, 1);
    assert.deepEqual([events.of('restarted'), await client.store?.list()], [[], []]);
    client.close();
  });

  test('a part that is stored with other bytes is never accepted, and nothing is committed with it', async () => {
    const other = seededBytes(PART_SIZE, 'not these');
    const contentRange = `bytes 0-${PART_SIZE - 1}/${bytes.length}`;
    let put = false;
    const { file, events, proxy } = await uploadThrough('others', (seen) => {
      if (!isPut(seen) || put || seen.headers['content-range'] !== contentRange) return undefined;
      put = true;
      const session = seen.path.split('/').at(-1) ?? '';
      const headers = { digest: `sha=${sha1Base64(other)}`, contentRange };
      return { before: () => direct.chunkedUploads.uploadFilePart(session, other, headers) };
    });
    assert.equal(file?.sha1, sha1);
    assert.equal(events.of('restarted')[0]?.reason, 'source-changed');
    assert.equal(proxy.seen.filter(isCommit).length, 1);
  });

  test('other bytes with the same name and size are detected before a commit and restart the upload', async () => {
    let isFull = true;
    await using proxy = await startFaultProxy(server, (seen) =>
      isFull && isPut(seen) && seen.before > 2 ? errorResponse(507, 'insufficient_storage') : undefined,
    );
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const upload = (source: Uint8Array) =>
      client.uploadFile(source, { name: 'swapped', sessionFrom: 1, parallel: 1, onEvent: events.onEvent });
    await assert.rejects(upload(bytes), { status: 507 });
    isFull = false;
    const swapped = seededBytes(bytes.length, 'swapped');
    assert.equal((await upload(swapped)).sha1, sha1Hex(swapped));
    assert.match(events.of('restarted')[0]?.message ?? '', /differs from the uploaded part at byte 0/);
    assert.equal(proxy.seen.filter(isCommit).length, 1);
    client.close();
  });

  test('a part that overlaps one not yet listed is sent again after a wait', async () => {
    let refused = 0;
    const { file, proxy } = await uploadThrough('overlap', (seen) => {
      if (!isPut(seen) || refused >= 2) return undefined;
      refused += 1;
      return errorResponse(409, 'range_overlaps_existing_part');
    });
    assert.equal(file?.sha1, sha1);
    assert.equal(proxy.puts().length, 5 + 2);
  });

  test('a part that arrives with other bytes nine times fails the upload', async () => {
    const { error, proxy } = await uploadThrough('corrupt', (seen) =>
      isPut(seen) && seen.headers['content-range']?.startsWith('bytes 0-') ? { corruptAt: 0 } : undefined,
    );
    assert.equal(error?.code, 'digest_mismatch');
    assert.equal(proxy.puts().filter(({ headers }) => headers['content-range']?.startsWith('bytes 0-')).length, 9);
  });

  test('a permanent error stops the parts that have not started', async () => {
    const { error, proxy } = await uploadThrough(
      'stops',
      (seen) => (isPut(seen) ? errorResponse(507, 'insufficient_storage') : undefined),
      { parallel: 1 },
    );
    assert.equal(error?.status, 507);
    assert.equal(proxy.puts().length, 1);
  });

  test('a commit that is blocked temporarily is retried, and its session is kept if the block lasts', async () => {
    let blocked = 0;
    const temporary = await uploadThrough('blocked', (seen) =>
      isCommit(seen) && blocked++ < 2 ? errorResponse(409, 'operation_blocked_temporary') : undefined,
    );
    assert.equal(temporary.file?.sha1, sha1);
    const lasting = await uploadThrough(
      'blocks',
      (seen) => (isCommit(seen) ? errorResponse(409, 'name_temporarily_reserved') : undefined),
      { patience: 300 },
    );
    assert.equal(lasting.error?.code, 'name_temporarily_reserved');
    assert.equal(lasting.events.of('stopped')[0]?.resumable, true);
  });

  test('a session of the same file that has parts belongs to another machine and is kept', async () => {
    const body = { folder_id: '0', file_name: 'machines', file_size: bytes.length };
    const other = await direct.chunkedUploads.createFileUploadSession(body);
    const part = bytes.subarray(0, PART_SIZE);
    const contentRange = `bytes 0-${PART_SIZE - 1}/${bytes.length}`;
    await direct.chunkedUploads.uploadFilePart(other.id, part, { digest: `sha=${sha1Base64(part)}`, contentRange });
    const { file } = await uploadThrough('machines', (seen) =>
      isCreate(seen) && seen.before === 0 ? { loseResponse: true } : undefined,
    );
    assert.equal(file?.sha1, sha1);
    const left = (await direct.chunkedUploads.getFileUploadSessions()).entries.filter(
      ({ file_name: name }) => name === 'machines',
    );
    assert.deepEqual(
      left.map(({ id }) => id),
      [other.id],
    );
  });

  test('a server without sessions for the file size gets the file in one request', async () => {
    const { file, result, proxy } = await uploadThrough('too small', (seen) =>
      isCreate(seen) ? errorResponse(400, 'file_size_too_small') : undefined,
    );
    assert.equal(await sha1OnServer(server, file?.id ?? ''), sha1);
    assert.ok(!('error' in result) && result.sessionId === undefined);
    assert.equal(proxy.seen.filter(isDirectUpload).length, 1);
  });

  test('a failing state store is reported, and the upload succeeds', async () => {
    const broken = async () => {
      throw new Error('no disk');
    };
    const store: StateStore = { get: broken, set: broken, delete: broken, list: broken };
    const { file, events } = await uploadThrough('unkept', () => undefined, {}, { store });
    assert.equal(file?.sha1, sha1);
    const messages = events.of('not-kept').map(({ message }) => message);
    assert.ok(
      messages.some((message) => /cannot be read: no disk/.test(message)),
      messages.join(),
    );
    assert.ok(
      messages.some((message) => /cannot be resumed: no disk/.test(message)),
      messages.join(),
    );
  });
});
