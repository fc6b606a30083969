import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnexpectedResponse } from '../../packages/client/src/errors.ts';
import { TransportError } from '../../packages/client/src/transport.ts';
import { renderDigest } from '../../packages/client/src/upload/part-sender.ts';
import type { UploadProgress } from '../../packages/client/src/upload-options.ts';
import { apiError, FakeServer, FakeSource, fastTime, uploadTo } from './fake-uploads.ts';

test('parts are sent with their range and digest, and committed in order', async () => {
  const server = new FakeServer();
  const { error, bytesSent } = await uploadTo(server, new FakeSource(25), { parallel: 1 });
  assert.equal(error, undefined);
  assert.equal(bytesSent, 0);
  assert.deepEqual(server.calls, [
    'create',
    'part bytes 0-9/25',
    'part bytes 10-19/25',
    'part bytes 20-24/25',
    'commit',
  ]);
  const { parts } = server.committed as { parts: { offset: number; size: number }[] };
  assert.deepEqual(
    parts.map(({ offset, size }) => [offset, size]),
    [
      [0, 10],
      [10, 10],
      [20, 5],
    ],
  );
});

test('the number of concurrent requests is 1 to 8, and the source keeps one part more', async () => {
  for (const [parallel, expected] of [
    [undefined, 8],
    [-1, 1],
    [0, 1],
    [1, 1],
    [3.9, 3],
    [8, 8],
    [9, 8],
  ] as const) {
    const source = new FakeSource(15);
    await uploadTo(new FakeServer(), source, { parallel });
    assert.deepEqual(source.plan, { partSize: 10, memory: 128 * 1024 * 1024, parts: expected + 1 });
  }
  const source = new FakeSource(15);
  await uploadTo(new FakeServer(), source, { memory: 99 });
  assert.equal(source.plan?.memory, 99);
});

test('one part is read while others are sent, within the memory of the source', async () => {
  for (const [parallel, maxUnreleased, expected] of [
    [1, 100, 2],
    [3, 100, 4],
    [3, 2, 2],
  ] as const) {
    const source = new FakeSource(200);
    source.maxUnreleased = maxUnreleased;
    const server = new FakeServer();
    server.answer = async () => {
      await new Promise(setImmediate);
      return undefined;
    };
    const { error } = await uploadTo(server, source, { parallel });
    assert.deepEqual([error, source.mostUnreleased, source.unreleased], [undefined, expected, 0]);
  }
});

test('a part whose connection was lost is not sent again if it arrived', async (t) => {
  const finish = fastTime(t);
  for (const failAfter of [new TransportError('lost'), apiError(500), apiError(502), apiError(504)]) {
    const server = new FakeServer();
    server.answer = (call, n) => (call === 'part' && n === 1 ? { failAfter } : undefined);
    const { error, events } = await finish(uploadTo(server, new FakeSource(15), { parallel: 1 }));
    assert.equal(error, undefined);
    assert.deepEqual([server.count('part'), server.count('list')], [2, 1]);
    assert.equal(events.filter(({ type }) => type === 'retrying').length, 1);
  }
});

test('a part that the server refused because of load is sent again without a query', async (t) => {
  const finish = fastTime(t);
  for (const fail of [apiError(429), apiError(408), apiError(409, 'operation_blocked_temporary')]) {
    const server = new FakeServer();
    server.answer = (call, n) => (call === 'part' && n === 1 ? { fail } : undefined);
    const { error } = await finish(uploadTo(server, new FakeSource(15), { parallel: 1 }));
    assert.deepEqual([error, server.count('part'), server.count('list')], [undefined, 3, 0]);
  }
});

test('the list of stored parts is queried again after each further failure', async (t) => {
  const finish = fastTime(t);
  const server = new FakeServer();
  server.answer = (call, n) =>
    call === 'part' && n <= 2 ? { [n === 1 ? 'fail' : 'failAfter']: apiError(500) } : undefined;
  const { error } = await finish(uploadTo(server, new FakeSource(5), { parallel: 1 }));
  assert.deepEqual([error, server.count('part'), server.count('list')], [undefined, 2, 2]);
});

test("a response that is not the server's is accepted only if the part is stored", async () => {
  const unexpected = new UnexpectedResponse({ method: 'PUT', url: 'https://x/', status: 200, text: '<html>' });
  const arrived = new FakeServer();
  arrived.answer = (call, n) => (call === 'part' && n === 1 ? { failAfter: unexpected } : undefined);
  assert.equal((await uploadTo(arrived, new FakeSource(5))).error, undefined);
  assert.equal(arrived.count('part'), 1);

  const lost = new FakeServer();
  lost.answer = (call) => (call === 'part' ? { fail: unexpected } : undefined);
  assert.equal((await uploadTo(lost, new FakeSource(5))).error, unexpected);
});

test('an overlap with the same bytes is the same part, and one with other bytes starts the upload from scratch', async () => {
  const overlap = apiError(409, 'range_overlaps_existing_part');
  const same = new FakeServer();
  same.answer = (call, n) => (call === 'part' && n === 1 ? { failAfter: overlap } : undefined);
  const { error, events } = await uploadTo(same, new FakeSource(5));
  assert.deepEqual([error, events.some(({ type }) => type === 'restarted')], [undefined, false]);

  const other = new FakeServer();
  other.answer = (call, n) => {
    if (call !== 'part' || n > 1) return undefined;
    other.parts.set(0, { part_id: 'x', offset: 0, size: 5, sha1: 'x' });
    return { fail: overlap };
  };
  const restarted = await uploadTo(other, new FakeSource(5));
  assert.equal(restarted.error, undefined);
  assert.deepEqual(
    restarted.events.flatMap((event) => (event.type === 'restarted' ? [event.reason] : [])),
    ['source-changed'],
  );
});

test('only a 409 about an overlap is one', async () => {
  const server = new FakeServer();
  const fail = apiError(400, 'range_overlaps_existing_part');
  server.answer = (call) => (call === 'part' ? { fail } : undefined);
  assert.equal((await uploadTo(server, new FakeSource(5))).error, fail);
  assert.equal(server.count('list'), 0);
});

test('a failure halves the number of concurrent requests, and Retry-After pauses all of them', async (t) => {
  const finish = fastTime(t);
  const server = new FakeServer();
  const at: number[] = [];
  server.answer = (call, n) => {
    if (call !== 'part') return undefined;
    at.push(performance.now());
    return n === 1 ? { fail: apiError(429, 'rate', { retryAfterMillis: 5_000 }) } : undefined;
  };
  const reports: UploadProgress[] = [];
  const onProgress = (progress: UploadProgress) => reports.push({ ...progress });
  const { events } = await finish(uploadTo(server, new FakeSource(50), { parallel: 4, onProgress }));
  const limits = events.flatMap((event) => (event.type === 'parallel' ? [event.parallel] : []));
  assert.equal(limits[0], 2);
  assert.equal(reports.find(({ phase }) => phase === 'sending')?.parallel, 4);
  assert.ok((at.at(-1) ?? 0) - (at[0] ?? 0) >= 5_000);
});

test('progress shows how often a part was sent, and whether it failed', async (t) => {
  const finish = fastTime(t);
  const server = new FakeServer();
  const states: string[] = [];
  let parts: UploadProgress['parts'] = [];
  const onProgress = (progress: UploadProgress) => {
    parts = progress.parts;
    states.push(...progress.parts.map(({ state }) => state));
  };
  server.answer = (call, n) => (call === 'part' && n === 1 ? { fail: apiError(503) } : undefined);
  await finish(uploadTo(server, new FakeSource(5), { onProgress, progressInterval: 20 }));
  assert.deepEqual(
    parts.map(({ tries, state, sent }) => [tries, state, sent]),
    [[2, 'sent', 0]],
  );
  assert.ok(states.includes('failed'));
});

test('each wait for a part is longer than the one before', async (t) => {
  const finish = fastTime(t);
  t.mock.method(Math, 'random', () => 0);
  const server = new FakeServer();
  server.answer = (call, n) => (call === 'part' && n <= 3 ? { fail: apiError(429) } : undefined);
  const { events } = await finish(uploadTo(server, new FakeSource(5)));
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'retrying' ? [event.waitMillis] : [])),
    [200, 400, 800],
  );
});

test('a digest is sent in base64, and only a SHA-1 is one', () => {
  assert.equal(renderDigest('da39a3ee5e6b4b0d3255bfef95601890afd80709'), 'sha=2jmj7l5rSw0yVb/vlWAYkK/YBwk=');
  assert.throws(() => renderDigest('da39'), TypeError);
});

test('a session, its queries and its parts are not retried below the upload', async (t) => {
  const finish = fastTime(t);
  const server = new FakeServer();
  server.answer = (call, n) => (call === 'part' && n === 1 ? { failAfter: apiError(500) } : undefined);
  await finish(uploadTo(server, new FakeSource(15)));
  for (const { call, retries } of server.options) assert.equal(retries, 0, String(call));
  assert.deepEqual(new Set(server.options.map(({ call }) => call)), new Set(['create', 'part', 'list', 'commit']));
});

test('no more parts are sent at the same time than requested', async () => {
  for (const parallel of [1, 3]) {
    const server = new FakeServer();
    let active = 0;
    let most = 0;
    server.answer = async (call) => {
      if (call !== 'part') return undefined;
      active += 1;
      most = Math.max(most, active);
      for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
      active -= 1;
      return undefined;
    };
    const { error } = await uploadTo(server, new FakeSource(100), { parallel });
    assert.deepEqual([error, most], [undefined, parallel]);
  }
});

test('an overlap with a part that is not stored yet is sent again after a wait', async (t) => {
  t.mock.method(Math, 'random', () => 0);
  const finish = fastTime(t);
  const server = new FakeServer();
  const at: number[] = [];
  server.answer = (call, n) => {
    if (call !== 'part') return undefined;
    at.push(performance.now());
    return n <= 2 ? { fail: apiError(409, 'range_overlaps_existing_part') } : undefined;
  };
  const { error } = await finish(uploadTo(server, new FakeSource(5)));
  assert.equal(error, undefined);
  assert.deepEqual(
    at.map((time) => time - (at[0] ?? 0)),
    [0, 200, 600],
  );
});
