import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { memoryStateStore } from '../../packages/client/src/node/index.ts';
import { TransportError } from '../../packages/client/src/transport.ts';
import type { UploadOptions } from '../../packages/client/src/upload-options.ts';
import { apiError, FakeServer, FakeSource, fastTime, uploadTo } from './fake-uploads.ts';

const NEWEST = Date.parse('2026-11-22T15:00:00Z');
const lost = new TransportError('lost');

/** A session as the server lists it: for the same file, without parts, created this long before the newest one. */
function listed(id: string, ageMillis: number, more: object = {}): object {
  const created_at = new Date(NEWEST - ageMillis).toISOString();
  const same = { folder_id: '0', file_name: 'a', file_size: 15, file_id: null, num_parts_processed: 0 };
  return { id, created_at, ...same, ...more };
}

const deleted = ({ calls }: FakeServer) =>
  calls.filter((call) => call.startsWith('delete')).map((call) => call.replace('delete ', ''));

test('sessions whose responses were lost are deleted: same file, no parts, created since the first attempt', async (t) => {
  t.mock.method(Math, 'random', () => 0);
  const finish = fastTime(t);
  const server = new FakeServer();
  server.answer = (call, n) => (call === 'create' && n === 1 ? { failAfter: lost } : undefined);
  // 200 ms passed between the attempts, and dates can be off by two seconds.
  server.sessions = [
    listed('S', 0),
    listed('lost', 2_200),
    listed('older', 2_201),
    listed('larger', 0, { file_size: 16 }),
    listed('elsewhere', 0, { folder_id: '1' }),
    listed('other name', 0, { file_name: 'b' }),
    listed('with a part', 0, { num_parts_processed: 1 }),
  ];
  const { error } = await finish(uploadTo(server, new FakeSource(15)));
  assert.deepEqual([error, deleted(server)], [undefined, ['lost']]);
});

test('sessions for a new version are recognized by the file', async (t) => {
  const finish = fastTime(t);
  const server = new FakeServer();
  server.answer = (call, n) => (call === 'create' && n === 1 ? { failAfter: apiError(502) } : undefined);
  server.sessions = [
    listed('S', 0, { file_id: 'F' }),
    listed('lost', 1, { file_id: 'F', file_name: 'any' }),
    listed('other file', 1, { file_id: 'G' }),
  ];
  await finish(uploadTo(server, new FakeSource(15), { fileId: 'F' }));
  assert.deepEqual(deleted(server), ['lost']);
});

test('a session that was created is deleted if the upload gives up', async (t) => {
  const finish = fastTime(t);
  const server = new FakeServer();
  server.answer = (call) => (call === 'create' ? { failAfter: lost } : undefined);
  server.sessions = [listed('S', 0)];
  const { error } = await finish(uploadTo(server, new FakeSource(15), { patience: 1_000 }));
  assert.deepEqual([error, deleted(server)], [lost, ['S']]);
});

test('sessions are not listed if no response was lost', async (t) => {
  const finish = fastTime(t);
  for (const fail of [apiError(429), apiError(503), new TransportError('refused', { code: 'ECONNREFUSED' })]) {
    const server = new FakeServer();
    server.answer = (call, n) => (call === 'create' && n === 1 ? { fail } : undefined);
    const { error } = await finish(uploadTo(server, new FakeSource(15)));
    assert.deepEqual([error, server.count('sessions')], [undefined, 0]);
  }
});

test('an upload is resumed from its saved state', async () => {
  const server = new FakeServer();
  const store = memoryStateStore();
  server.answer = (call, n) => (call === 'part' && n === 2 ? { fail: apiError(507) } : undefined);
  const first = await uploadTo(server, new FakeSource(15), { store, parallel: 1 });
  assert.deepEqual(
    first.events.flatMap((event) => (event.type === 'stopped' ? [[event.resumable, event.bytesStored]] : [])),
    [[true, 10]],
  );
  const [state] = await store.list();
  assert.equal(state?.version, 1);
  assert.deepEqual(state?.target, { folderId: '0', name: 'a' });

  server.answer = () => undefined;
  const second = await uploadTo(server, new FakeSource(15), { store, parallel: 1 });
  assert.equal(second.error, undefined);
  assert.deepEqual(server.calls.slice(-4), ['get', 'list', 'part bytes 10-14/15', 'commit']);
  assert.deepEqual(await store.list(), []);
});

test('attributes are only sent if there are any, and the etag only if it is given', async () => {
  const bare = new FakeServer();
  await uploadTo(bare, new FakeSource(5));
  assert.deepEqual(Object.keys(bare.committed as object), ['parts']);
  const full = new FakeServer();
  await uploadTo(full, new FakeSource(5), { fileId: 'F', description: 'Summary', ifMatch: '3' });
  assert.deepEqual((full.committed as { attributes: object }).attributes, { description: 'Summary' });
  const ifMatch = ({ options }: FakeServer) =>
    options.flatMap(({ call, headers }) => (call === 'commit' ? [(headers as { ifMatch?: string }).ifMatch] : []));
  assert.deepEqual([ifMatch(bare), ifMatch(full)], [[undefined], ['3']]);
});

test('a commit is repeated as long as the server is still hashing, after the time that it names', async (t) => {
  const finish = fastTime(t);
  const server = new FakeServer();
  server.accepted.push(1_000, 3_000);
  const at: number[] = [];
  server.answer = (call) => {
    if (call === 'commit') at.push(performance.now());
    return undefined;
  };
  const { error } = await finish(uploadTo(server, new FakeSource(5)));
  assert.equal(error, undefined);
  assert.deepEqual(
    at.map((time) => time - (at[0] ?? 0)),
    [0, 1_000, 4_000],
  );
});

test('stored parts that do not match start the upload from scratch, at most three times', async () => {
  for (const code of ['bad_digest', 'digest_mismatch', 'parts_mismatch']) {
    const server = new FakeServer();
    server.answer = (call) => (call === 'commit' ? { fail: apiError(412, code) } : undefined);
    const { error, events } = await uploadTo(server, new FakeSource(5));
    assert.equal((error as Error).name, 'SourceChangedError');
    assert.equal(server.count('create'), 4);
    assert.equal(events.filter(({ type }) => type === 'restarted').length, 3);
  }
});

test('a commit whose response was lost is recognized by the file with the same bytes', async () => {
  const server = new FakeServer();
  server.found = { type: 'file', id: 'F' };
  server.sha1 = 'a'.repeat(40);
  server.answer = (call) => (call === 'commit' ? { fail: apiError(404) } : undefined);
  const other = await uploadTo(server, new FakeSource(5));
  assert.notEqual(other.error, undefined);

  for (const type of ['file', 'folder']) {
    const same = new FakeServer();
    same.found = { type, id: 'F' };
    same.sha1 = createHash('sha1')
      .update(Uint8Array.of(0, 1, 2, 3, 4))
      .digest('hex');
    same.answer = server.answer;
    const { error } = await uploadTo(same, new FakeSource(5));
    assert.equal(error === undefined, type === 'file', type);
  }
});

test('a file below the minimum is sent in one request, and one of the minimum in parts', async () => {
  for (const [sessionFrom, size, inParts] of [
    [5, 5, true],
    [5, 4, false],
    [undefined, 1_000, false],
  ] as const) {
    const server = new FakeServer();
    await uploadTo(server, new FakeSource(size), { sessionFrom });
    assert.deepEqual([server.count('create'), server.count('whole')], inParts ? [1, 0] : [0, 1]);
  }
});

test('an upload that only fails waits five minutes by default, with at most twenty seconds between attempts', async (t) => {
  t.mock.method(Math, 'random', () => 1);
  for (const sessionFrom of [1, 100]) {
    const finish = fastTime(t);
    const server = new FakeServer();
    const startedAt = performance.now();
    server.answer = () => ({ fail: apiError(503) });
    const { error } = await finish(uploadTo(server, new FakeSource(5), { sessionFrom }));
    assert.equal((error as { status?: number }).status, 503);
    const elapsed = performance.now() - startedAt;
    assert.ok(elapsed > 280_000 && elapsed <= 301_000, `${elapsed}`);
    t.mock.timers.reset();
    t.mock.reset();
    t.mock.method(Math, 'random', () => 1);
  }
});

test('names that are taken are numbered from 1, and 200 of them are tried', async () => {
  for (const sessionFrom of [1, 100]) {
    const server = new FakeServer();
    const taken = apiError(409, 'item_name_in_use');
    server.answer = (call) => (call === 'create' || call === 'whole' ? { fail: taken } : undefined);
    const { error, events } = await uploadTo(server, new FakeSource(5), { conflict: 'rename', sessionFrom });
    assert.equal(error, taken);
    assert.equal(server.count('create') + server.count('whole'), 201);
    const names = events.flatMap((event) => (event.type === 'renamed' ? [event.to] : []));
    assert.deepEqual([names[0], names.at(-1), names.length], ['a (1)', 'a (200)', 200]);
  }
});

test('what is stored is kept only if the same upload can use it later', async () => {
  const cancel = () => {
    const controller = new AbortController();
    return { controller, options: { signal: controller.signal } satisfies UploadOptions };
  };
  async function stop(options: UploadOptions, fail: unknown, onPart?: () => void) {
    const server = new FakeServer();
    const store = memoryStateStore();
    server.answer = (call) => {
      if (call !== 'part') return undefined;
      onPart?.();
      return { fail };
    };
    const { events } = await uploadTo(server, new FakeSource(5), { store, ...options });
    const stopped = events.find((event) => event.type === 'stopped');
    return [stopped?.type === 'stopped' && stopped.resumable, server.count('delete'), (await store.list()).length];
  }
  assert.deepEqual(await stop({}, apiError(507)), [true, 0, 1]);
  assert.deepEqual(await stop({}, apiError(413)), [false, 1, 0]);
  assert.deepEqual(await stop({ store: false }, apiError(507)), [false, 1, 0]);
  assert.deepEqual(await stop({ abortSession: true }, apiError(507)), [true, 0, 1]);
  const kept = cancel();
  assert.deepEqual(await stop(kept.options, apiError(507), () => kept.controller.abort()), [true, 0, 1]);
  const aborted = cancel();
  const options = { ...aborted.options, abortSession: true };
  assert.deepEqual(await stop(options, apiError(507), () => aborted.controller.abort()), [false, 1, 0]);
});

test('a stored part with other bytes or of another size starts the upload from scratch', async () => {
  for (const change of [{ sha1: 'x' }, { size: 9 }]) {
    const server = new FakeServer();
    const store = memoryStateStore();
    server.answer = (call, n) => (call === 'part' && n === 2 ? { fail: apiError(507) } : undefined);
    await uploadTo(server, new FakeSource(15), { store, parallel: 1 });
    server.answer = (call) => {
      if (call === 'delete') server.parts.clear();
      return undefined;
    };
    const [part] = server.parts.values();
    assert.ok(part);
    server.parts.set(0, { ...part, ...change });

    const { error, events } = await uploadTo(server, new FakeSource(15), { store, parallel: 1 });
    assert.equal(error, undefined);
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'restarted' ? [event.reason] : [])),
      ['source-changed'],
    );
    assert.deepEqual([server.count('create'), server.count('delete')], [2, 1]);
  }
});
