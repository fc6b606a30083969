import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { memoryStateStore, type NodeClient, type UploadOptions } from '../../packages/client/src/node/index.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';
import { collectEvents, createTestClient, PART_SIZE, startSmallPartsServer } from './client-fixture.ts';
import { type Fault, type SeenRequest, startFaultProxy } from './fault-proxy.ts';
import {
  errorResponse,
  isCommit,
  isCreate,
  isDirectUpload,
  isPartList,
  isPut,
  isSessionList,
  uploadThrough,
  uploadVia,
} from './uploads-through-proxy.ts';

const isDelete = ({ method }: SeenRequest) => method === 'DELETE';
const isStatus = ({ method, path }: SeenRequest) => method === 'GET' && /\/upload_sessions\/[^/]+$/.test(path);

describe('sessions of an upload', { concurrency: 4 }, () => {
  const bytes = seededBytes(2 * PART_SIZE - 100, 'sessions');
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

  const openSessions = async () => (await direct.chunkedUploads.getFileUploadSessions()).entries;

  /** A list of the open sessions in which the sessions with these IDs are older, by this many milliseconds. */
  function listWithOlder(ages: ReadonlyMap<string, number>): Fault {
    const json = { entries: [] as object[], limit: 1000, next_marker: null };
    const before = async () => {
      const entries = await openSessions();
      const newest = Math.max(...entries.map(({ created_at: at }) => Date.parse(at)));
      json.entries = entries.map((entry) => ({
        ...entry,
        created_at: new Date(newest - (ages.get(entry.id) ?? 0)).toISOString(),
      }));
    };
    return { before, answer: { status: 200, json } };
  }

  async function createSession(more: { folder_id?: string; file_name?: string; file_size?: number } = {}) {
    const body = { folder_id: '0', file_name: 'lost.bin', file_size: bytes.length, ...more };
    return (await direct.chunkedUploads.createFileUploadSession(body)).id;
  }

  test('a session for the same file without parts is deleted if it was created since the first lost response', async () => {
    const inner = await direct.folders.createFolder({ name: 'inner', parent: { id: '0' } });
    const recent = await createSession();
    const kept = {
      older: await createSession(),
      larger: await createSession({ file_size: bytes.length + 1 }),
      elsewhere: await createSession({ folder_id: inner.id }),
      'of another name': await createSession({ file_name: 'other.bin' }),
    };
    // The server's dates are whole seconds, so sessions up to two seconds older can belong to the first attempt.
    const ages = new Map([
      [recent, 2_000],
      [kept.older, 60_000],
    ]);
    const { file } = await uploadThrough(server, bytes, { name: 'lost.bin' }, (seen) => {
      if (isSessionList(seen)) return listWithOlder(ages);
      return isCreate(seen) && seen.before === 0 ? { loseResponse: true } : undefined;
    });
    assert.equal(file?.sha1, sha1);
    const left = (await openSessions()).map(({ id }) => id);
    for (const [what, id] of Object.entries(kept)) assert.ok(left.includes(id), `the session ${what} is gone`);
    assert.ok(!left.includes(recent));
    assert.ok(
      !(await openSessions()).some(
        ({ file_name: name, id }) =>
          name === 'lost.bin' && id !== kept.older && id !== kept.larger && id !== kept.elsewhere,
      ),
    );
  });

  test('a lost session for a new version is recognized by its file', async () => {
    const { file } = await direct.uploadFile(Buffer.from('x'), { name: 'version.bin' });
    const { file: other } = await direct.uploadFile(Buffer.from('x'), { name: 'other version.bin' });
    const size = { file_size: bytes.length };
    const kept = await direct.chunkedUploads.createFileUploadSessionForExistingFile(other.id, size);
    const { result } = await uploadThrough(server, bytes, { fileId: file.id }, (seen) =>
      isCreate(seen) && seen.before === 0 ? { answerAfter: { status: 502 } } : undefined,
    );
    assert.equal(result?.file.sha1, sha1);
    const left = (await openSessions()).filter(({ file_id: id }) => id === file.id || id === other.id);
    assert.deepEqual(
      left.map(({ id }) => id),
      [kept.id],
    );
  });

  test('sessions are not listed if no session can have been created', async () => {
    for (const [status, code] of [
      [429, 'rate_limit_exceeded'],
      [503, 'unavailable'],
    ] as const) {
      const { file, count } = await uploadThrough(server, bytes, { name: code }, (seen) =>
        isCreate(seen) && seen.before === 0 ? errorResponse(status, code) : undefined,
      );
      assert.deepEqual([file?.sha1, count(isSessionList)], [sha1, 0]);
    }
    const { error, count } = await uploadThrough(server, bytes, { name: 'refused' }, (seen) =>
      isCreate(seen) ? errorResponse(403, 'forbidden') : undefined,
    );
    assert.deepEqual([error?.code, count(isCreate), count(isSessionList)], ['forbidden', 1, 0]);
  });

  test('a server that cannot list sessions gets the upload all the same', async () => {
    const { file } = await uploadThrough(server, bytes, { name: 'unlisted' }, (seen) => {
      if (isSessionList(seen)) return errorResponse(404, 'not_found');
      return isCreate(seen) && seen.before === 0 ? { answer: { status: 502 } } : undefined;
    });
    assert.equal(file?.sha1, sha1);
  });

  test('leftover sessions that cannot be listed or deleted delay an upload for only a few tries', async () => {
    const unlisted = await uploadThrough(server, bytes, { name: 'twice unlisted' }, (seen) => {
      if (isSessionList(seen)) return errorResponse(503, 'unavailable');
      return isCreate(seen) && seen.before === 0 ? { loseResponse: true } : undefined;
    });
    assert.deepEqual([unlisted.file?.sha1, unlisted.count(isSessionList)], [sha1, 2]);
    const kept = await uploadThrough(server, bytes, { name: 'kept open' }, (seen) => {
      if (isPut(seen)) return errorResponse(413, 'request_entity_too_large');
      return isDelete(seen) ? errorResponse(503, 'unavailable') : undefined;
    });
    assert.deepEqual([kept.error?.status, kept.count(isDelete)], [413, 3]);
  });

  /** Runs an upload that stops after its first part, and runs it again with these faults. */
  async function resume(name: string, decide: (seen: SeenRequest) => Fault | undefined, options: UploadOptions = {}) {
    let isFull = true;
    await using proxy = await startFaultProxy(server, (seen) => {
      if (!isFull) return decide(seen);
      const isSecond = seen.headers['content-range']?.startsWith(`bytes ${PART_SIZE}-`);
      return isPut(seen) && isSecond ? errorResponse(507, 'insufficient_storage') : undefined;
    });
    const store = memoryStateStore();
    const given = { name, ...options };
    const first = await uploadVia(proxy, server.token, bytes, { ...given, parallel: 1 }, store);
    assert.deepEqual([first.error?.status, first.events.of('stopped')[0]?.bytesStored], [507, PART_SIZE]);
    isFull = false;
    const second = await uploadVia(proxy, server.token, bytes, given, store);
    return { ...second, states: await store.list(), sessionId: first.events.of('session-created')[0]?.sessionId };
  }

  test('only missing parts are sent after a stop, and the stored ones are counted', async () => {
    const { result, events, count, states } = await resume('resumed', () => undefined);
    assert.deepEqual([result?.bytesResumed, result?.bytesSent], [PART_SIZE, bytes.length - PART_SIZE]);
    const [resumed] = events.of('resumed');
    assert.deepEqual([resumed?.bytesStored, resumed?.partsStored], [PART_SIZE, 1]);
    assert.deepEqual([count(isStatus), count(isPartList), count(isPut), count(isCommit)], [1, 1, 1, 1]);
    assert.deepEqual(states, []);
  });

  test('an error that is not about the session keeps the session and its state for the next run', async () => {
    for (const [which, status, code] of [
      [isStatus, 401, 'unauthorized'],
      [isStatus, 403, 'insufficient_scope'],
      [isPartList, 403, 'access_denied_insufficient_permissions'],
    ] as const) {
      const { error, events, states, sessionId } = await resume(code, (seen) =>
        which(seen) ? errorResponse(status, code) : undefined,
      );
      assert.equal(error?.code, code);
      assert.deepEqual(events.types(), ['stopped']);
      assert.equal(events.of('stopped')[0]?.resumable, true);
      assert.deepEqual(
        [states[0]?.session.id, (await openSessions()).some(({ id }) => id === sessionId)],
        [sessionId, true],
      );
    }
  });

  test('a temporary error while an upload resumes is retried', async () => {
    const { file, events } = await resume('retried', (seen) =>
      (isStatus(seen) || isPartList(seen)) && seen.before === 0 ? errorResponse(503, 'unavailable') : undefined,
    );
    assert.equal(file?.sha1, sha1);
    assert.deepEqual(events.types(), ['retrying', 'retrying', 'resumed']);
    assert.deepEqual(
      events.of('retrying').map(({ what }) => what),
      ['session', 'session'],
    );
  });

  test('a session that disappears while an upload resumes is replaced, and its state is deleted', async () => {
    const { file, events, states } = await resume('replaced', (seen) =>
      isPartList(seen) && seen.before === 0 ? errorResponse(404, 'not_found') : undefined,
    );
    assert.deepEqual([file?.sha1, events.types(), states], [sha1, ['restarted', 'session-created'], []]);
  });

  test('the same upload cannot succeed after a final error, so nothing is kept', async () => {
    const { error, events, states, sessionId } = await resume('final', (seen) =>
      isPut(seen) ? errorResponse(413, 'request_entity_too_large') : undefined,
    );
    assert.equal(error?.status, 413);
    assert.equal(events.of('stopped')[0]?.resumable, false);
    assert.equal(events.of('stopped')[0]?.message, 'request_entity_too_large.');
    assert.deepEqual([states, (await openSessions()).filter(({ id }) => id === sessionId)], [[], []]);
  });

  test('stored parts are only deleted at a stop if the caller stopped the upload and requested that', async () => {
    const full = (seen: SeenRequest) => (isPut(seen) ? errorResponse(507, 'insufficient_storage') : undefined);
    const failed = await resume('kept', full, { abortSession: true });
    assert.deepEqual([failed.events.of('stopped')[0]?.resumable, failed.states.length], [true, 1]);
    assert.match(failed.events.of('stopped')[0]?.message ?? '', /^insufficient_storage\. \(Stored parts are kept: /);
    for (const abortSession of [false, true]) {
      const cancel = new AbortController();
      const name = `stopped ${abortSession}`;
      const { error, events, states, sessionId } = await resume(
        name,
        (seen) => (isPut(seen) ? { before: async () => cancel.abort(new Error('enough')) } : undefined),
        { abortSession, signal: cancel.signal },
      );
      assert.match(String(error), /enough/);
      assert.equal(events.of('stopped')[0]?.resumable, !abortSession);
      const isOpen = (await openSessions()).some(({ id }) => id === sessionId);
      assert.deepEqual([states.length, isOpen], abortSession ? [0, false] : [1, true]);
    }
  });

  test('an upload can be stopped with any reason, which is thrown and reported', async () => {
    const onEvent: UploadOptions['onEvent'] = (event) => {
      if (event.type === 'session-created') cancel.abort('enough');
      if (event.type === 'stopped') messages.push(event.message);
    };
    const cancel = new AbortController();
    const messages: string[] = [];
    const options = { name: 'any reason', sessionFrom: 1, store: false, signal: cancel.signal, onEvent } as const;
    await assert.rejects(direct.uploadFile(bytes, options), (reason) => reason === 'enough');
    assert.deepEqual(messages, ['enough']);
  });

  test('a single attribute of a file is stored with it', async () => {
    const described = await uploadThrough(server, bytes, { name: 'described', description: 'Summary' });
    assert.equal(described.file?.description, 'Summary');
    const contentCreatedAt = new Date('2020-01-02T03:04:05Z');
    const dated = await uploadThrough(server, bytes, { name: 'dated', contentCreatedAt });
    assert.equal(dated.file?.content_created_at, '2020-01-02T03:04:05Z');
  });

  test('a file of exactly the size for a session is sent in parts, and a smaller one in one request', async () => {
    for (const [sessionFrom, inParts] of [
      [bytes.length, true],
      [bytes.length + 1, false],
      [undefined, false],
    ] as const) {
      const { count } = await uploadThrough(server, bytes, { name: `from ${sessionFrom}`, sessionFrom });
      assert.deepEqual([count(isCreate), count(isDirectUpload)], inParts ? [1, 0] : [0, 1]);
    }
  });

  for (const sessionFrom of [1, Number.POSITIVE_INFINITY]) {
    const how = sessionFrom === 1 ? 'in parts' : 'in one piece';
    const isSent = (seen: SeenRequest) => isCreate(seen) || isDirectUpload(seen);

    test(`an upload ${how} waits up to five minutes for a server by default`, async () => {
      for (const [seconds, isAwaited] of [
        [299, true],
        [301, false],
      ] as const) {
        const cancel = new AbortController();
        const events = collectEvents();
        const { error } = await uploadThrough(
          server,
          bytes,
          {
            name: `awaited ${how}`,
            sessionFrom,
            signal: cancel.signal,
            onEvent(event) {
              events.onEvent(event);
              if (event.type === 'retrying') cancel.abort(new Error('enough'));
            },
          },
          (seen) => (isSent(seen) ? errorResponse(503, 'unavailable', { 'retry-after': `${seconds}` }) : undefined),
        );
        assert.deepEqual(
          [error?.code, events.types()],
          isAwaited ? [undefined, ['retrying', 'stopped']] : ['unavailable', ['stopped']],
        );
      }
    });

    test(`names that are taken are numbered from 1, and 200 of them are tried (${how})`, async () => {
      const options = { name: `taken ${how}.bin`, conflict: 'rename', sessionFrom } as const;
      const taken = (seen: SeenRequest) => (isSent(seen) ? errorResponse(409, 'item_name_in_use') : undefined);
      const { error, events, count } = await uploadThrough(server, bytes, options, taken);
      assert.deepEqual([error?.code, count(isSent)], ['item_name_in_use', 201]);
      const names = events.of('renamed').map(({ to }) => to);
      assert.deepEqual([names[0], names.at(-1), names.length], [`taken ${how} (1).bin`, `taken ${how} (200).bin`, 200]);
    });

    test(`a name that the caller knows to be taken is a conflict without a request (${how})`, async () => {
      const whatHas = (name: string) => (/\(2\)/.test(name) ? undefined : ({ type: 'file', id: '1' } as const));
      const name = `known ${how}`;
      const failed = await uploadThrough(server, bytes, { name, sessionFrom, whatHas });
      assert.deepEqual([failed.error?.code, failed.error?.status, failed.count(isSent)], ['item_name_in_use', 409, 0]);
      const renamed = await uploadThrough(server, bytes, { name, sessionFrom, whatHas, conflict: 'rename' });
      assert.deepEqual([renamed.file?.name, renamed.count(isSent)], [`${name} (2)`, 1]);
    });

    test(`only a conflict over the name of a new file leads to another name or a version (${how})`, async () => {
      const { file } = await direct.uploadFile(Buffer.from('x'), { name: `a version ${how}` });
      for (const conflict of ['rename', 'version'] as const) {
        for (const [status, code, target] of [
          [403, 'access_denied_insufficient_permissions', {}],
          [409, 'conflict', {}],
          [409, 'item_name_in_use', { fileId: file.id }],
        ] as const) {
          const options = { name: `only ${how}`, conflict, sessionFrom, ...target };
          const { error, events, count } = await uploadThrough(server, bytes, options, (seen) =>
            isSent(seen) ? errorResponse(status, code) : undefined,
          );
          assert.deepEqual([error?.code, count(isSent), events.types()], [code, 1, ['stopped']]);
        }
      }
    });
  }

  test('a folder with the name of the upload is not mistaken for the file whose commit was lost', async () => {
    await direct.folders.createFolder({ name: 'folder', parent: { id: '0' } });
    const { error } = await uploadThrough(server, bytes, { name: 'folder', patience: 1 }, (seen) => {
      if (isCreate(seen)) return undefined;
      return isCommit(seen) ? errorResponse(404, 'not_found') : undefined;
    });
    assert.equal(error?.code, 'item_name_in_use');
  });
});
