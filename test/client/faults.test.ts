import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  ApiError,
  createClient,
  SourceChangedError,
  TransportError,
  type UploadOptions,
} from '../../packages/client/src/node/index.ts';
import { seededRandom } from '../faults/seeded-random.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';
import { collectEvents, createTestClient, PART_SIZE, sha1OnServer, startSmallPartsServer } from './client-fixture.ts';
import { type Fault, type SeenRequest, startFaultProxy } from './fault-proxy.ts';
import { isCommit, isCreate, isPartList, isPut } from './uploads-through-proxy.ts';

const PARTS = 12;
const seed = Number(process.env.PARTWAY_TEST_SEED ?? Date.now() % 1_000_000);

const offsetOf = ({ headers }: SeenRequest) => Number(/bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1]);

// These tests mostly wait, so they run concurrently.
describe(`uploads over a faulty connection (seed ${seed})`, { concurrency: 4 }, () => {
  const bytes = seededBytes(PARTS * PART_SIZE - 1000, `faults ${seed}`);
  const sha1 = sha1Hex(bytes);
  let server: TestServer;
  let uploads = 0;
  before(async () => {
    server = await startSmallPartsServer();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  /** Uploads through a proxy that injects what `decide` returns, and checks that the server has the bytes. */
  async function uploadThrough(
    decide: (seen: SeenRequest) => Fault | undefined,
    options: UploadOptions & { token?: () => string } = {},
  ) {
    await using proxy = await startFaultProxy(server, decide);
    const client = createClient({ server: proxy.url, token: options.token ?? server.token, store: false });
    const events = collectEvents();
    uploads += 1;
    try {
      const name = `upload ${uploads}`;
      const given = { name, sessionFrom: 1, onEvent: events.onEvent, ...options };
      const result = await client.uploadFile(bytes, given);
      assert.equal(await sha1OnServer(server, result.file.id), sha1);
      return { result, events, proxy };
    } finally {
      client.close();
    }
  }

  test('a part whose connection breaks is sent again, once', async () => {
    const cut = new Set([1, 5, 11].map((index) => index * PART_SIZE));
    const { events, proxy } = await uploadThrough((seen) => {
      return isPut(seen) && cut.delete(offsetOf(seen)) ? { cutAfter: 1000 } : undefined;
    });
    assert.equal(proxy.puts().length, PARTS + 3);
    const failed = events.of('retrying').map(({ what, offset }) => [what, (offset ?? 0) / PART_SIZE]);
    assert.deepEqual(failed.sort(), [
      ['part', 1],
      ['part', 11],
      ['part', 5],
    ]);
  });

  test('a part whose response was lost is found in the list and not sent again', async () => {
    const lost = new Set([2, 3, 4, 9].map((index) => index * PART_SIZE));
    const { proxy, result } = await uploadThrough((seen) => {
      return isPut(seen) && lost.delete(offsetOf(seen)) ? { loseResponse: true } : undefined;
    });
    assert.equal(proxy.puts().length, PARTS);
    assert.equal(result.bytesSent, bytes.length);
    assert.ok(proxy.seen.some(isPartList));
  });

  test('a part with a corrupted byte is rejected by the server and sent again', async () => {
    const corrupted = new Set([0, 7].map((index) => index * PART_SIZE));
    const { proxy } = await uploadThrough((seen) => {
      return isPut(seen) && corrupted.delete(offsetOf(seen)) ? { corruptAt: 4711 } : undefined;
    });
    assert.equal(proxy.puts().length, PARTS + 2);
    assert.equal(proxy.puts().filter(({ status }) => status === 400).length, 2);
  });

  test('an upload fails with the reason if the connection corrupts every attempt', async () => {
    const upload = uploadThrough((seen) => (isPut(seen) && offsetOf(seen) === 0 ? { corruptAt: 0 } : undefined));
    await assert.rejects(upload, { code: 'digest_mismatch' });
  });

  test('an upload succeeds with parts out of order and at different speeds', async () => {
    const random = seededRandom(seed);
    await uploadThrough((seen) => (isPut(seen) ? { delay: random.below(100) } : undefined));
  });

  test('an upload succeeds with all faults at random', async () => {
    const random = seededRandom(seed);
    const fault = () =>
      random.pick<Fault | undefined>([
        undefined,
        undefined,
        undefined,
        { delay: random.below(50) },
        { cutAfter: random.below(PART_SIZE) },
        { loseResponse: true },
        { corruptAt: random.below(60_000) },
        { answer: { status: 503, headers: { 'retry-after': '0' } } },
        { answer: { status: 502 } },
      ]);
    const attempts = new Map<number, number>();
    await uploadThrough((seen) => {
      if (!isPut(seen)) return undefined;
      const attempt = (attempts.get(offsetOf(seen)) ?? 0) + 1;
      attempts.set(offsetOf(seen), attempt);
      // After four failures of one part, the waits, which double each time, could take minutes.
      return attempt <= 4 ? fault() : undefined;
    });
  });

  for (const status of [429, 503]) {
    test(`a ${status} with Retry-After delays the retry and all other parts`, async () => {
      let refusedAt: number | undefined;
      const { proxy, events } = await uploadThrough((seen) => {
        if (!isPut(seen) || refusedAt !== undefined || offsetOf(seen) < 4 * PART_SIZE) return undefined;
        refusedAt = seen.at;
        return { answer: { status, headers: { 'retry-after': '2' }, json: { type: 'error', status, code: 'x' } } };
      });
      const puts = proxy.puts();
      const refused = puts.find((put) => put.status === status);
      const again = puts.find((put) => put !== refused && offsetOf(put) === offsetOf(refused as SeenRequest));
      assert.ok((again?.at ?? 0) - (refusedAt ?? 0) >= 2000, 'it was retried too early');
      // Parts that were being sent when the response arrived may still complete.
      const early = puts.filter(({ at }) => at > (refusedAt ?? 0) + 1000 && at < (refusedAt ?? 0) + 1990);
      assert.deepEqual(early, []);
      assert.equal(puts.length, PARTS + 1);
      assert.ok((events.of('retrying')[0]?.waitMillis ?? 0) >= 2000);
      assert.ok(events.of('parallel').some(({ parallel }) => parallel <= 2));
    });
  }

  test('an upload to a full server ends with that error after one attempt', async () => {
    const full = { type: 'error', status: 507, code: 'insufficient_storage', message: 'The disk is full.' };
    const upload = uploadThrough((seen) => (isPut(seen) ? { answer: { status: 507, json: full } } : undefined));
    await assert.rejects(upload, { code: 'insufficient_storage', message: 'The disk is full.' });
  });

  test('an upload fails after its retry time if the server rejects every part but answers other requests', async () => {
    let refused = 0;
    const upload = uploadThrough(
      (seen) => {
        if (!isPut(seen)) return undefined;
        refused += 1;
        // By then it has retried for longer than its limit; without one, it would never end.
        return refused > 400 ? undefined : { answer: { status: 503, headers: { 'retry-after': '0' } } };
      },
      { patience: 500 },
    );
    await assert.rejects(upload, { status: 503 });
    assert.ok(refused > 1);
  });

  test('a token that expires during an upload is renewed, and no part is lost', async () => {
    let tokens = 0;
    let calls = 0;
    const expired = {
      status: 401,
      headers: { 'www-authenticate': 'Bearer error="invalid_token", error_description="expired_token"' },
    };
    const { proxy } = await uploadThrough(
      ({ headers }) => {
        const stale = headers.authorization === `Bearer ${server.token}` && tokens === 1 && calls > 5;
        calls += 1;
        return stale ? { answer: expired } : undefined;
      },
      {
        token() {
          tokens += 1;
          return server.token + ' '.repeat(tokens - 1);
        },
      },
    );
    assert.equal(tokens, 2);
    assert.ok(proxy.seen.some(({ status }) => status === 401));
  });
  test('a token that expires and cannot be renewed ends the upload, which can be resumed', async () => {
    let renewed = false;
    await using proxy = await startFaultProxy(server, (seen) =>
      isPut(seen) && offsetOf(seen) >= 6 * PART_SIZE && !renewed
        ? { answer: { status: 401, headers: { 'www-authenticate': 'Bearer error_description="expired_token"' } } }
        : undefined,
    );
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const upload = () => client.uploadFile(bytes, { name: 'expired', sessionFrom: 1, onEvent: events.onEvent });
    await assert.rejects(upload(), { status: 401, message: 'expired_token' });
    assert.equal(events.of('stopped')[0]?.resumable, true);
    renewed = true;
    const { bytesResumed } = await upload();
    // Of the six parts before, those still in progress were canceled with the upload.
    assert.ok(bytesResumed > 0 && bytesResumed <= 6 * PART_SIZE, String(bytesResumed));
    client.close();
  });

  test('creation of a session is retried after a lost response', async () => {
    const { proxy } = await uploadThrough((seen) =>
      isCreate(seen) && seen.before === 0 ? { loseResponse: true } : undefined,
    );
    assert.equal(proxy.seen.filter(isCreate).length, 2);
  });

  test('a commit is repeated after a lost response and returns the same file', async () => {
    const { proxy } = await uploadThrough((seen) =>
      isCommit(seen) && seen.before < 2 ? { loseResponse: true } : undefined,
    );
    assert.equal(proxy.seen.filter(isCommit).length, 3);
  });

  test('a commit that is still in progress (202) is repeated when the server says so', async () => {
    const { proxy } = await uploadThrough((seen) =>
      isCommit(seen) && seen.before < 2 ? { answer: { status: 202, headers: { 'retry-after': '1' } } } : undefined,
    );
    const [first, second, third] = proxy.seen.filter(isCommit);
    assert.ok(first && second && third);
    assert.ok(second.at - first.at >= 1000 && third.at - second.at >= 1000);
  });

  test('a file sent in one request is found after a lost response and not reported as a conflict', async () => {
    const isDirectUpload = ({ method, path }: SeenRequest) => method === 'POST' && path.endsWith('/content');
    const { proxy, result } = await uploadThrough(
      (seen) => (isDirectUpload(seen) && seen.before === 0 ? { loseResponse: true } : undefined),
      { sessionFrom: Number.POSITIVE_INFINITY },
    );
    assert.equal(proxy.seen.filter(isDirectUpload).length, 1, 'the bytes were sent again');
    const client = createTestClient(server);
    const version = await uploadThrough(
      (seen) => (isDirectUpload(seen) && seen.before === 0 ? { loseResponse: true } : undefined),
      { sessionFrom: Number.POSITIVE_INFINITY, fileId: result.file.id },
    );
    assert.equal(version.result.file.id, result.file.id);
    assert.equal(version.proxy.seen.filter(isDirectUpload).length, 1, 'the bytes were sent again');
    assert.equal((await client.fileVersions.getFileVersions(result.file.id)).total_count, 1);
    client.close();
  });

  test('an upload fails after its retry time if the server does not come back, and can be resumed', async () => {
    let down = true;
    await using proxy = await startFaultProxy(server, (seen) =>
      down && isPut(seen) && offsetOf(seen) > 3 * PART_SIZE ? { cutAfter: 0 } : undefined,
    );
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const upload = () =>
      client.uploadFile(bytes, { name: 'patience', sessionFrom: 1, patience: 1500, onEvent: events.onEvent });
    await assert.rejects(upload(), TransportError);
    assert.equal(events.of('stopped')[0]?.resumable, true);
    down = false;
    assert.equal((await upload()).bytesResumed, 4 * PART_SIZE);
    client.close();
  });

  describe("where Box's rules differ", () => {
    const overlap = { type: 'error', status: 409, code: 'range_overlaps_existing_part', message: 'Overlap.' };

    test('a stored part that is rejected for an overlap counts as stored if its digest matches', async () => {
      const lost = new Set([3 * PART_SIZE, 4 * PART_SIZE]);
      const arrived = new Set<number>();
      const { proxy } = await uploadThrough((seen) => {
        if (isPartList(seen) && arrived.size > 0 && seen.before < 1) {
          // The list does not include it yet, so it is sent again.
          return { answer: { status: 200, json: { entries: [], offset: 0, limit: 1000, total_count: 0, order: [] } } };
        }
        if (!isPut(seen)) return undefined;
        if (arrived.has(offsetOf(seen))) return { answer: { status: 409, json: overlap } };
        if (!lost.delete(offsetOf(seen))) return undefined;
        arrived.add(offsetOf(seen));
        return { loseResponse: true };
      });
      assert.ok(proxy.puts().some(({ status }) => status === 409));
    });

    test('other bytes in the range of a part restart the upload', async () => {
      const client = createTestClient(server);
      const events = collectEvents();
      let session = '';
      const onEvent = (event: Parameters<typeof events.onEvent>[0]) => {
        events.onEvent(event);
        if (event.type === 'session-created') session = event.sessionId;
      };
      await using proxy = await startFaultProxy(server, (seen) => {
        if (!isPut(seen) || !seen.path.includes(session) || offsetOf(seen) !== 2 * PART_SIZE) return undefined;
        return events.of('restarted').length === 0 ? { delay: 300 } : undefined;
      });
      const through = createTestClient(server, proxy);
      const upload = through.uploadFile(bytes, { name: 'other bytes', sessionFrom: 1, onEvent });
      while (session === '') await new Promise((resolve) => setTimeout(resolve, 1));
      const other = seededBytes(PART_SIZE, 'other');
      const headers = {
        digest: `sha=${Buffer.from(sha1Hex(other), 'hex').toString('base64')}`,
        contentRange: `bytes ${2 * PART_SIZE}-${3 * PART_SIZE - 1}/${bytes.length}`,
      };
      await client.chunkedUploads.uploadFilePart(session, other, headers);
      assert.equal((await upload).file.sha1, sha1);
      assert.deepEqual(
        events.of('restarted').map(({ reason }) => reason),
        ['source-changed'],
      );
      client.close();
      through.close();
    });

    test('if a session disappears with its commit, the file is found by name and digest', async () => {
      for (const target of ['new file', 'version'] as const) {
        let lost = false;
        const gone = { type: 'error', status: 404, code: 'not_found', message: 'Gone.' };
        const options: UploadOptions = {};
        if (target === 'version') {
          const client = createTestClient(server);
          options.fileId = (await client.uploadFile(Buffer.from('v1'), { name: 'forgotten' })).file.id;
          client.close();
        }
        const { events } = await uploadThrough((seen) => {
          if (!isCommit(seen)) return undefined;
          if (lost) return { answer: { status: 404, json: gone } };
          lost = true;
          return { loseResponse: true };
        }, options);
        assert.deepEqual(events.of('restarted'), []);
      }
    });
  });

  test('if the server loses the session, an upload restarts, or fails with a hint if its source is a stream', async () => {
    const gone = { type: 'error', status: 404, code: 'upload_session_not_found', message: 'Gone.' };
    const lost = new Set([5 * PART_SIZE]);
    const { events } = await uploadThrough((seen) =>
      isPut(seen) && lost.delete(offsetOf(seen)) ? { answer: { status: 404, json: gone } } : undefined,
    );
    assert.deepEqual(
      events.of('restarted').map(({ reason }) => reason),
      ['session-gone'],
    );

    await using proxy = await startFaultProxy(server, (seen) =>
      isPut(seen) ? { answer: { status: 410, json: gone } } : undefined,
    );
    const client = createTestClient(server, proxy);
    const stream = new Blob([bytes]).stream();
    await assert.rejects(
      client.uploadFile(stream, { name: 'stream', size: bytes.length, sessionFrom: 1 }),
      (error) => error instanceof SourceChangedError && /Call uploadFile with a new stream/.test(error.message),
    );
    client.close();
  });

  test('if the name is taken during the upload, the upload fails at its end and leaves no session', async () => {
    const client = createTestClient(server);
    const events = collectEvents();
    let taken: Promise<unknown> | undefined;
    const onEvent = (event: Parameters<typeof events.onEvent>[0]) => {
      events.onEvent(event);
      if (event.type === 'session-created') taken ??= client.uploadFile(Buffer.from('x'), { name: 'late' });
    };
    const upload = () => client.uploadFile(bytes, { name: 'late', sessionFrom: 1, onEvent });
    await assert.rejects(upload(), (error) => error instanceof ApiError && error.code === 'item_name_in_use');
    assert.equal(events.of('stopped')[0]?.resumable, false);
    const left = events.of('session-created')[0]?.sessionId ?? '';
    await assert.rejects(client.chunkedUploads.getFileUploadSessionById(left), { status: 404 });
    assert.deepEqual(await client.store?.list(), []);
    await taken;

    taken = undefined;
    const name = 'late too';
    const renamed = await client.uploadFile(bytes, {
      name,
      sessionFrom: 1,
      conflict: 'rename',
      onEvent(event) {
        events.onEvent(event);
        if (event.type === 'session-created') taken ??= client.uploadFile(Buffer.from('x'), { name });
      },
    });
    assert.equal(renamed.file.name, 'late too (1)');
    assert.deepEqual(
      events.of('restarted').map(({ reason }) => reason),
      ['name-taken'],
    );
    client.close();
  });
});
