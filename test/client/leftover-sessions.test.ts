import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createClient, type NodeClient, SourceChangedError } from '../../packages/client/src/node/index.ts';
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
import { type Fault, type SeenRequest, startFaultProxy } from './fault-proxy.ts';
import { errorResponse, isCommit, isCreate, isPut } from './uploads-through-proxy.ts';

describe('sessions and states after an upload', () => {
  const bytes = seededBytes(5 * PART_SIZE - 100, 'left behind');
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

  const sessions = async () => (await direct.chunkedUploads.getFileUploadSessions()).entries.map(({ id }) => id);

  /** Uploads through a proxy; returns the events, the error and whether a state was kept. */
  async function failing(decide: (seen: SeenRequest) => Fault | undefined, options: object = {}) {
    await using proxy = await startFaultProxy(server, decide);
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    const name = `failing ${Math.random()}`;
    const error = await client
      .uploadFile(bytes, { name, sessionFrom: 1, patience: 200, onEvent: events.onEvent, ...options })
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    const states = (await client.store?.list()) ?? [];
    client.close();
    return { events, error: error as { code?: string; status?: number } | undefined, states };
  }

  for (const sameBytes of [true, false]) {
    test(`when two machines upload one file at the same time (${sameBytes ? 'the same' : 'other'} bytes), the loser leaves no session`, async () => {
      const name = `raced ${sameBytes}`;
      const machines = [createTestClient(server), createTestClient(server)];
      const gate = Promise.withResolvers<void>();
      let begun = 0;
      // Both have sent everything before either commits.
      await using proxy = await startFaultProxy(server, (seen) =>
        isCommit(seen) ? { waitFor: gate.promise } : undefined,
      );
      const clients = machines.map(() => createTestClient(server, proxy));
      const uploads = clients.map((client, machine) => {
        const content = sameBytes || machine === 0 ? bytes : seededBytes(bytes.length, 'other');
        return client.uploadFile(content, {
          name,
          sessionFrom: 1,
          onProgress({ phase }) {
            if (phase === 'committing') begun += 1;
            if (begun === 2) gate.resolve();
          },
        });
      });
      const ended = await Promise.allSettled(uploads);
      assert.deepEqual(ended.map(({ status }) => status).toSorted(), [
        'fulfilled',
        sameBytes ? 'fulfilled' : 'rejected',
      ]);
      const lost = ended.find((end) => end.status === 'rejected');
      if (!sameBytes) assert.equal((lost?.reason as { code?: string } | undefined)?.code, 'item_name_in_use');
      assert.deepEqual(await sessions(), []);
      for (const client of clients) assert.deepEqual(await client.store?.list(), []);
      for (const client of [...machines, ...clients]) client.close();
    });
  }

  test('permanent errors at the end leave neither a session nor a state', async () => {
    for (const [status, code] of [
      [409, 'item_name_in_use'],
      [412, 'precondition_failed'],
      [400, 'bad_request'],
      [413, 'request_entity_too_large'],
    ] as const) {
      const { error, events, states } = await failing((seen) =>
        isCommit(seen) ? errorResponse(status, code) : undefined,
      );
      assert.equal(error?.code, code);
      assert.equal(events.of('stopped')[0]?.resumable, false, code);
      assert.deepEqual([await sessions(), states], [[], []], code);
    }
  });

  test('temporary errors (login, quota, load, connection) keep the session, and the same upload resumes', async () => {
    for (const fault of [
      errorResponse(401, 'unauthorized'),
      errorResponse(403, 'access_denied_insufficient_permissions'),
      errorResponse(429, 'rate_limit_exceeded'),
      errorResponse(507, 'insufficient_storage'),
      errorResponse(503, 'unavailable'),
      { answer: { status: 502 } },
      { loseResponse: true },
      { answer: { status: 200, text: '<html>' } },
    ] satisfies Fault[]) {
      const { error, events, states } = await failing((seen) => (isPut(seen) && seen.before >= 2 ? fault : undefined));
      assert.ok(error !== undefined);
      assert.equal(events.of('stopped')[0]?.resumable, true, String(error));
      const left = await sessions();
      assert.deepEqual(
        states.map(({ session }) => session.id),
        left,
      );
      assert.equal(left.length, 1);
      await direct.chunkedUploads.deleteFileUploadSessionById(left[0] ?? '');
    }
  });

  test('without a stored state, an upload cannot be resumed, so its session is deleted', async () => {
    const { events } = await failing(
      (seen) => (isPut(seen) && seen.before >= 2 ? errorResponse(507, 'insufficient_storage') : undefined),
      {
        store: false,
      },
    );
    assert.equal(events.of('stopped')[0]?.resumable, false);
    assert.deepEqual(await sessions(), []);

    const stop = new AbortController();
    const stopped = direct.uploadFile(bytes, {
      name: 'stopped',
      sessionFrom: 1,
      store: false,
      signal: stop.signal,
      onEvent: ({ type }) => type === 'session-created' && stop.abort(new Error('enough')),
    });
    await assert.rejects(stopped, { message: 'enough' });
    assert.deepEqual(await sessions(), []);
  });

  test('a session whose response was lost is deleted when another one is used', async () => {
    let others = 0;
    await using proxy = await startFaultProxy(server, (seen) =>
      isCreate(seen) && seen.before < 2 ? { loseResponse: true } : undefined,
    );
    // A session of another upload for the same name in another folder is not affected.
    const other = await direct.chunkedUploads.createFileUploadSession({
      folder_id: '0',
      file_name: 'lost too',
      file_size: 1000,
    });
    const client = createTestClient(server, proxy);
    const { file } = await client.uploadFile(bytes, {
      name: 'lost',
      sessionFrom: 1,
      onEvent: ({ type }) => {
        if (type === 'session-created') others = proxy.seen.filter(({ method }) => method === 'DELETE').length;
      },
    });
    assert.equal(await sha1OnServer(server, file.id), sha1Hex(bytes));
    assert.equal(others, 2);
    assert.deepEqual(await sessions(), [other.id]);
    await direct.chunkedUploads.deleteFileUploadSessionById(other.id);
    client.close();
  });

  test("a session that was created behind a proxy's own response is deleted with the upload", async () => {
    const { error } = await failing((seen) => (isCreate(seen) ? { answerAfter: { status: 204 } } : undefined));
    assert.match(String(error), /returned 204 with no body/);
    assert.deepEqual(await sessions(), []);
  });
});

describe('bytes that differ from the hashed ones', () => {
  let server: TestServer;
  before(async () => {
    server = await startSmallPartsServer();
  });
  after(() => server[Symbol.asyncDispose]());
  const bytes = seededBytes(4 * PART_SIZE, 'hashed');

  test('if a file changes between hashing and sending a part, the upload restarts and reports that', async () => {
    const path = join(await temporaryFolder(), 'changing.bin');
    const changed = seededBytes(bytes.length, 'changed');
    await writeFile(path, bytes);
    let writes = 0;
    await using proxy = await startFaultProxy(server, (seen) => {
      if (!isPut(seen) || !seen.headers['content-range']?.startsWith('bytes 0-') || writes > 0) return undefined;
      writes += 1;
      return { before: () => writeFile(path, changed), ...errorResponse(503, 'unavailable') };
    });
    const client = createTestClient(server, proxy);
    const events = collectEvents();
    // So little memory that parts are read again when they are sent.
    const upload = { name: 'changing.bin', sessionFrom: 1, memory: 1, onEvent: events.onEvent };
    const { file, sha1 } = await client.uploadFile(path, upload);
    assert.deepEqual([sha1, await sha1OnServer(server, file.id)], [sha1Hex(changed), sha1Hex(changed)]);
    assert.deepEqual(
      events.of('restarted').map(({ reason }) => reason),
      ['source-changed'],
    );
    assert.match(
      events.of('restarted')[0]?.message ?? '',
      /changing\.bin has changed since its upload began: starting from scratch\./,
    );
    // The second session is the only one, and it became the file.
    assert.equal(events.of('session-created').length, 2);
    assert.deepEqual((await client.chunkedUploads.getFileUploadSessions()).entries, []);
    client.close();
  });

  for (const code of ['digest_mismatch', 'parts_mismatch', 'bad_digest']) {
    test(`a commit that is rejected with ${code} restarts the upload in a new session`, async () => {
      await using proxy = await startFaultProxy(server, (seen) => {
        const earlier = proxy.seen.filter(isCommit).length;
        return isCommit(seen) && earlier === 1 ? errorResponse(400, code) : undefined;
      });
      const client = createTestClient(server, proxy);
      const events = collectEvents();
      const { file } = await client.uploadFile(bytes, { name: code, sessionFrom: 1, onEvent: events.onEvent });
      assert.equal(await sha1OnServer(server, file.id), sha1Hex(bytes));
      assert.deepEqual(events.types(), ['session-created', 'restarted', 'session-created']);
      assert.equal(events.of('restarted')[0]?.reason, 'source-changed');
      assert.equal(proxy.puts().length, 8);
      assert.equal(proxy.seen.filter(({ method }) => method === 'DELETE').length, 1);
      client.close();
    });

    test(`the upload fails if the server rejects every commit with ${code}, and leaves no session`, async () => {
      await using proxy = await startFaultProxy(server, (seen) =>
        isCommit(seen) ? errorResponse(400, code) : undefined,
      );
      const client = createTestClient(server, proxy);
      await assert.rejects(client.uploadFile(bytes, { name: `always ${code}`, sessionFrom: 1 }), SourceChangedError);
      assert.equal(proxy.seen.filter(isCommit).length, 4);
      assert.deepEqual((await client.chunkedUploads.getFileUploadSessions()).entries, []);
      client.close();
    });
  }
});

describe('values that the server would reject', () => {
  let server: TestServer;
  let client: NodeClient;
  before(async () => {
    server = await startSmallPartsServer();
    client = createClient({ server: server.url, token: server.token, store: false });
  });
  after(async () => {
    client.close();
    await server[Symbol.asyncDispose]();
  });

  for (const sessionFrom of [1, Number.POSITIVE_INFINITY]) {
    const how = sessionFrom === 1 ? 'in parts' : 'in one piece';

    test(`a file dated outside the API's range is uploaded ${how} without its date, with one notice`, async () => {
      for (const lastModified of [253_402_300_800_000, 9e15, -62_135_596_800_001]) {
        const source = new File([seededBytes(3 * PART_SIZE, 'late')], `late-${lastModified}-${how}.bin`, {
          lastModified,
        });
        await using proxy = await startFaultProxy(server);
        const clients = createTestClient(server, proxy);
        const events = collectEvents();
        const { file } = await clients.uploadFile(source, { sessionFrom, onEvent: events.onEvent });
        assert.equal(events.of('date-left-out').length, 1);
        assert.match(
          events.of('date-left-out')[0]?.message ?? '',
          /The modification time of late-.* is before the year 1 or after 9999/,
        );
        const sent = proxy.seen.filter(
          ({ method, path }) => method === 'PUT' || (method === 'POST' && path.endsWith('/content')),
        );
        assert.equal(sent.length, sessionFrom === 1 ? 3 : 1);
        assert.ok(Number(file.content_modified_at?.slice(0, 4)) < 3000);
        clients.close();
      }
    });

    test(`the last second of the year 9999 and the first of the year 1 are kept ${how}`, async () => {
      for (const date of ['9999-12-31T23:59:59Z', '0001-01-01T00:00:00Z']) {
        const { file } = await client.uploadFile(Buffer.from('x'), {
          name: `${date.slice(0, 4)} ${how}`,
          sessionFrom,
          contentModifiedAt: new Date(date),
          contentCreatedAt: new Date(date),
        });
        assert.deepEqual([file.content_modified_at, file.content_created_at], [date, date]);
      }
    });

    test(`dates, descriptions and names that no server accepts are rejected before anything is sent (${how})`, async () => {
      await using proxy = await startFaultProxy(server);
      const clients = createTestClient(server, proxy);
      const refused: [object, RegExp][] = [
        [{ contentModifiedAt: new Date('+010000-01-01T00:00:00Z') }, /contentModifiedAt must be a date within/],
        [{ contentCreatedAt: new Date('-000001-12-31T23:59:59Z') }, /contentCreatedAt must be a date within/],
        [{ contentModifiedAt: new Date(Number.NaN) }, /contentModifiedAt must be a date within/],
        [{ description: 'x'.repeat(257) }, /The description must have at most 256 characters/],
        [{ description: 'a\0b' }, /must not contain NUL/],
        [{ description: '\ud800' }, /unpaired surrogate/],
        [{ name: 'a/b' }, /slash/],
        [{ name: 'x'.repeat(256) }, /at most 255 characters/],
        [{ name: 'a\ud800' }, /not valid Unicode/],
        [{ name: '' }, /it is empty/],
      ];
      for (const [options, message] of refused) {
        const upload = clients.uploadFile(Buffer.from('x'), { name: 'ok', sessionFrom, ...options });
        await assert.rejects(upload, (error) => error instanceof TypeError && message.test(error.message));
      }
      assert.deepEqual(proxy.seen, []);
      const { file } = await clients.uploadFile(Buffer.from('x'), {
        name: `described ${how}`,
        sessionFrom,
        description: '\u{1f600}'.repeat(256),
      });
      assert.equal(file.description, '\u{1f600}'.repeat(256));
      clients.close();
    });
  }
});
