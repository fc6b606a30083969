import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Base64, sha1Hex } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PART = 65_536;
const SIZE = 3 * PART + 1234;
const bytes = seededBytes(SIZE, 'upload-session');
const getPart = (index: number) => ({
  offset: index * PART,
  bytes: bytes.subarray(index * PART, (index + 1) * PART),
  total: SIZE,
});

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '1000' } });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

test('parts can be uploaded in any order and in parallel, and the file has exactly their bytes', async () => {
  const session = await api.createSession('any-order.bin', SIZE);
  const answers = await Promise.all([3, 1, 0, 2].map((index) => api.putPart(session.id, getPart(index))));
  for (const answer of answers) assert.equal(answer.status, 200, answer.text);
  const parts = answers.map((answer) => answer.json.part);

  const answer = await api.commit(session.id, parts, bytes);

  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.json.total_count, 1);
  const [file] = answer.json.entries;
  assert.equal(file.type, 'file');
  assert.equal(file.name, 'any-order.bin');
  assert.equal(file.size, SIZE);
  assert.equal(file.sha1, sha1Hex(bytes));
  assert.equal(file.etag, '0');
  assert.equal(file.parent.id, '0');
  assert.deepEqual(await api.download(file.id), bytes);
});

test('a new session has the fields that clients parse', async () => {
  const answer = await api.post('/files/upload_sessions', { folder_id: '0', file_size: SIZE, file_name: 'shape.bin' });
  assert.equal(answer.status, 201);
  const session = answer.json;
  assert.match(session.id, /^[0-9A-F]{32}$/);
  assert.match(session.session_expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const lifetime = Date.parse(session.session_expires_at) - Date.now();
  assert.ok(lifetime > 6.9 * 86_400_000 && lifetime < 7.1 * 86_400_000);
  const base = `${server.url}/2.0/files/upload_sessions/${session.id}`;
  assert.deepEqual(
    { ...session, id: undefined, session_expires_at: undefined },
    {
      id: undefined,
      type: 'upload_session',
      session_expires_at: undefined,
      part_size: PART,
      total_parts: 4,
      num_parts_processed: 0,
      session_endpoints: {
        upload_part: base,
        commit: `${base}/commit`,
        abort: base,
        list_parts: `${base}/parts`,
        status: base,
        log_event: `${base}/log`,
        plan: `${base}/plan`,
      },
    },
  );
});

test('both prefixes serve every call, and URLs in responses keep the prefix that was used', async () => {
  const other = new Api(server, '/api/2.0');
  const answer = await other.post('/files/upload_sessions', {
    folder_id: '0',
    file_size: SIZE,
    file_name: 'prefix.bin',
  });
  assert.equal(answer.json.session_endpoints.status, `${server.url}/api/2.0/files/upload_sessions/${answer.json.id}`);
  const put = await other.call('PUT', answer.json.session_endpoints.upload_part, {
    headers: { digest: `sha=${sha1Base64(getPart(0).bytes)}`, 'content-range': `bytes 0-${PART - 1}/${SIZE}` },
    body: getPart(0).bytes,
  });
  assert.equal(put.status, 200, put.text);
  assert.equal((await api.get(`/files/upload_sessions/${answer.json.id}`)).json.num_parts_processed, 1);
});

test('the response to a part has exactly its ID, offset, size and digest', async () => {
  const session = await api.createSession('part.bin', SIZE);
  const answer = await api.putPart(session.id, getPart(3));
  assert.equal(answer.status, 200);
  assert.match(answer.json.part.part_id, /^[0-9A-F]{8}$/);
  assert.deepEqual(answer.json, {
    part: { part_id: answer.json.part.part_id, offset: 3 * PART, size: 1234, sha1: sha1Hex(getPart(3).bytes) },
  });
});

test('a part re-sent after a lost answer gets the same part back', async () => {
  const session = await api.createSession('resent.bin', SIZE);
  const first = await api.putPart(session.id, getPart(1));
  const second = await api.putPart(session.id, getPart(1));
  assert.equal(second.status, 200);
  assert.deepEqual(second.json, first.json);
  assert.equal((await api.get(`/files/upload_sessions/${session.id}`)).json.num_parts_processed, 1);
});

test('other bytes for a stored part are rejected, and the stored part is kept', async () => {
  const session = await api.createSession('overlap.bin', SIZE);
  await api.uploadParts(session, bytes);
  const rejected = await api.putPart(session.id, { ...getPart(1), bytes: seededBytes(PART, 'others') });
  assert.equal(rejected.status, 409);
  assert.equal(rejected.json.code, 'range_overlaps_existing_part');
  const listed = await api.get(`/files/upload_sessions/${session.id}/parts`);
  const committed = await api.commit(session.id, listed.json.entries, bytes);
  assert.equal(committed.status, 201, committed.text);
});

test('stored parts are listed by offset, in pages, with their total count', async () => {
  const session = await api.createSession('list.bin', SIZE);
  for (const index of [2, 0, 3]) await api.putPart(session.id, getPart(index));
  const all = await api.get(`/files/upload_sessions/${session.id}/parts`);
  assert.equal(all.status, 200);
  assert.deepEqual(
    all.json.entries.map((part: { offset: number }) => part.offset),
    [0, 2 * PART, 3 * PART],
  );
  assert.deepEqual(
    { ...all.json, entries: [] },
    { entries: [], offset: 0, limit: 1000, total_count: 3, order: [{ by: 'offset', direction: 'ASC' }] },
  );
  const page = await api.get(`/files/upload_sessions/${session.id}/parts?offset=1&limit=1`);
  assert.deepEqual(page.json.entries, [all.json.entries[1]]);
  assert.deepEqual([page.json.offset, page.json.limit, page.json.total_count], [1, 1, 3]);
  const wide = await api.get(`/files/upload_sessions/${session.id}/parts?limit=5000`);
  assert.equal(wide.json.limit, 1000);
  for (const [query, code] of [
    ['offset=10001', 'invalid_offset'],
    ['offset=x', 'invalid_offset'],
    ['limit=0', 'invalid_limit'],
    ['limit=-1', 'invalid_limit'],
  ]) {
    const rejected = await api.get(`/files/upload_sessions/${session.id}/parts?${query}`);
    assert.deepEqual([rejected.status, rejected.json.code], [400, code], query);
  }
});

test('a commit re-sent after a lost answer gets the same file back', async () => {
  const session = await api.createSession('twice.bin', SIZE);
  const parts = await api.uploadParts(session, bytes);
  const first = await api.commit(session.id, parts, bytes);
  const second = await api.commit(session.id, parts, bytes);
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.deepEqual(second.json, first.json);
  const other = await api.commit(session.id, parts, Buffer.from('another file'));
  assert.equal(other.status, 400);
  assert.equal(other.json.code, 'digest_mismatch');
});

test('a session can be read after its commit, and deleting it then keeps the file', async () => {
  const session = await api.createSession('after.bin', SIZE);
  const parts = await api.uploadParts(session, bytes);
  const committed = await api.commit(session.id, parts, bytes);
  const status = await api.get(`/files/upload_sessions/${session.id}`);
  assert.deepEqual([status.status, status.json.num_parts_processed], [200, 4]);
  assert.equal((await api.putPart(session.id, getPart(0))).status, 200);
  assert.equal((await api.delete(`/files/upload_sessions/${session.id}`)).status, 204);
  assert.deepEqual(await api.download(committed.json.entries[0].id), bytes);
});

test('an aborted session is not found by any call', async () => {
  const session = await api.createSession('aborted.bin', SIZE);
  await api.putPart(session.id, getPart(0));
  const aborted = await api.call('DELETE', `/files/upload_sessions/${session.id}`, {
    headers: { 'content-type': 'application/json' },
  });
  assert.deepEqual([aborted.status, aborted.text], [204, '']);
  for (const answer of [
    await api.get(`/files/upload_sessions/${session.id}`),
    await api.putPart(session.id, getPart(0)),
    await api.commit(session.id, [{ part_id: '00000000' }], bytes),
    await api.delete(`/files/upload_sessions/${session.id}`),
  ]) {
    assert.deepEqual([answer.status, answer.json.code], [404, 'upload_session_not_found']);
  }
});

test('dates in a commit are stored to the second', async () => {
  const session = await api.createSession('dates.bin', SIZE);
  const parts = await api.uploadParts(session, bytes);
  const attributes = {
    content_created_at: '2001-02-03T04:05:06Z',
    content_modified_at: '2010-11-12T13:14:15.999+01:00',
  };
  const committed = await api.commit(session.id, parts, bytes, { attributes });
  const [file] = committed.json.entries;
  assert.equal(file.content_created_at, '2001-02-03T04:05:06Z');
  assert.equal(file.content_modified_at, '2010-11-12T12:14:15Z');
});

test('a commit can change the name of its file, unless the name is in use', async () => {
  await api.post('/folders', { name: 'taken', parent: { id: '0' } });
  const session = await api.createSession('named-first.bin', SIZE);
  const parts = await api.uploadParts(session, bytes);
  const conflict = await api.commit(session.id, parts, bytes, { attributes: { name: 'Taken' } });
  assert.deepEqual([conflict.status, conflict.json.code], [409, 'item_name_in_use'], conflict.text);
  const committed = await api.commit(session.id, parts, bytes, { attributes: { name: 'named-last.bin' } });
  assert.equal(committed.status, 201, committed.text);
  const [file] = committed.json.entries;
  assert.equal(file.name, 'named-last.bin');

  const next = seededBytes(SIZE, 'named by its commit');
  for (const [changes, name] of [
    [{}, 'named-last.bin'],
    [{ name: null }, 'named-last.bin'],
    [{ name: 'renamed.bin' }, 'renamed.bin'],
  ] as const) {
    const { json: again } = await api.post(`/files/${file.id}/upload_sessions`, { file_size: SIZE });
    const version = await api.commit(again.id, await api.uploadParts(again, next), next, { attributes: changes });
    assert.deepEqual([version.status, version.json.entries?.[0].name], [201, name], version.text);
    assert.equal((await api.get(`/files/${file.id}`)).json.name, name);
  }
});

test('a new version needs only its size, keeps the name, and increments the etag', async () => {
  const session = await api.createSession('versioned.bin', SIZE);
  const first = await api.commit(session.id, await api.uploadParts(session, bytes), bytes);
  const [file] = first.json.entries;
  const next = seededBytes(2 * PART, 'second version');
  const created = await api.post(`/files/${file.id}/upload_sessions`, { file_size: next.length });
  assert.equal(created.status, 201, created.text);
  const parts = await api.uploadParts(created.json, next);

  const stale = await api.commit(created.json.id, parts, next, { headers: { 'if-match': '7' } });
  assert.deepEqual([stale.status, stale.json.code], [412, 'precondition_failed']);
  const unchanged = await api.commit(created.json.id, parts, next, { headers: { 'if-none-match': '"0"' } });
  assert.deepEqual([unchanged.status, unchanged.json.code], [412, 'precondition_failed']);
  const committed = await api.commit(created.json.id, parts, next, { headers: { 'if-match': '"0"' } });

  assert.equal(committed.status, 201, committed.text);
  const [version] = committed.json.entries;
  assert.deepEqual(
    [version.id, version.name, version.etag, version.sha1],
    [file.id, 'versioned.bin', '1', sha1Hex(next)],
  );
  assert.notEqual(version.file_version.id, file.file_version.id);
  assert.deepEqual(await api.download(file.id), next);
});

test('a commit finds parts by their ID, and other details of a part have to match', async () => {
  const session = await api.createSession('list-forms.bin', SIZE);
  const parts = await api.uploadParts(session, bytes);
  const ids = parts.map(({ part_id }) => ({ part_id, sha1: null, size: null }));
  const altered = [{ ...parts[0], sha1: sha1Hex(Buffer.from('x')) }, ...parts.slice(1)];
  const mismatch = await api.commit(session.id, altered, bytes);
  assert.deepEqual([mismatch.status, mismatch.json.code], [400, 'parts_mismatch']);
  const unknown = await api.commit(session.id, [...parts.slice(1), { part_id: 'FFFFFFFF' }], bytes);
  assert.deepEqual([unknown.status, unknown.json.code], [400, 'parts_mismatch']);
  const short = await api.commit(session.id, parts.slice(1), bytes);
  assert.deepEqual([short.status, short.json.code], [400, 'bad_request']);
  assert.match(short.json.message, /bytes 0-65535/);
  assert.equal((await api.commit(session.id, ids.reverse(), bytes)).status, 201);
});

test('a commit without the last part is rejected, whether the part is stored or not, and its session stays open', async () => {
  const session = await api.createSession('last-part.bin', SIZE);
  const parts = [];
  for (const index of [0, 1, 2]) parts.push((await api.putPart(session.id, getPart(index))).json.part);
  const [first, last] = [3 * PART, SIZE - 1];
  for (const [state, sent] of [
    ['has not been uploaded', undefined],
    ['is not listed in the commit', getPart(3)],
  ] as const) {
    if (sent !== undefined) assert.equal((await api.putPart(session.id, sent)).status, 200);
    const rejected = await api.commit(session.id, parts, bytes);
    assert.deepEqual([rejected.status, rejected.json.code], [400, 'bad_request'], state);
    assert.ok(rejected.json.message.includes(`bytes ${first}-${last} ${state}`), rejected.json.message);
    assert.equal((await api.get(`/files/upload_sessions/${session.id}`)).status, 200);
  }
  const listed = await api.get(`/files/upload_sessions/${session.id}/parts`);
  assert.equal((await api.commit(session.id, listed.json.entries, bytes)).status, 201);
});

test('no session can be created for a file in the trash', async () => {
  const session = await api.createSession('to the trash.bin', SIZE);
  const committed = await api.commit(session.id, await api.uploadParts(session, bytes), bytes);
  const { id } = committed.json.entries[0];
  assert.equal((await api.delete(`/files/${id}`)).status, 204);
  for (const body of [{ file_size: SIZE }, { file_size: SIZE, file_name: 'another name.bin' }]) {
    const rejected = await api.post(`/files/${id}/upload_sessions`, body);
    assert.deepEqual([rejected.status, rejected.json.code], [404, 'trashed']);
  }
  assert.equal((await api.post(`/files/${id}`)).status, 201);
  assert.equal((await api.post(`/files/${id}/upload_sessions`, { file_size: SIZE })).status, 201);
});

test('a wrong digest of the file is rejected with both digests, and the session can still be committed', async () => {
  const session = await api.createSession('wrong-whole.bin', SIZE);
  const parts = await api.uploadParts(session, bytes);
  const wrong = Buffer.from('not these');
  const rejected = await api.commit(session.id, parts, wrong);
  assert.deepEqual([rejected.status, rejected.json.code], [400, 'digest_mismatch']);
  assert.ok(rejected.json.message.includes(sha1Base64(wrong)));
  assert.ok(rejected.json.message.includes(sha1Base64(bytes)));
  assert.equal((await api.commit(session.id, parts, bytes)).status, 201);
});

test('a name taken in the meantime is a conflict, and the session can be committed once the name is free', async () => {
  const first = await api.createSession('Wanted.bin', SIZE);
  const second = await api.createSession('wanted.BIN', SIZE);
  const partsOfFirst = await api.uploadParts(first, bytes);
  const partsOfSecond = await api.uploadParts(second, bytes);
  const winner = await api.commit(first.id, partsOfFirst, bytes);
  const loser = await api.commit(second.id, partsOfSecond, bytes);
  assert.deepEqual([winner.status, loser.status, loser.json.code], [201, 409, 'item_name_in_use']);
  assert.equal(loser.json.context_info.conflicts.id, winner.json.entries[0].id);
  const third = await api.post('/files/upload_sessions', { folder_id: '0', file_size: SIZE, file_name: 'WANTED.bin' });
  assert.deepEqual([third.status, third.json.code], [409, 'item_name_in_use']);

  assert.equal((await api.delete(`/files/${winner.json.entries[0].id}`)).status, 204);
  assert.equal((await api.commit(second.id, partsOfSecond, bytes)).status, 201);
});

test('a plan requests every part, because none is known by its SHA-512', async () => {
  const session = await api.createSession('planned.bin', SIZE);
  const part = { offset: PART, size: PART, sha512: 'a'.repeat(128) };
  const answer = await api.post(`/files/upload_sessions/${session.id}/plan`, { parts: [part] });
  assert.deepEqual([answer.status, answer.json], [200, { upload_session_id: session.id, hits: [], misses: [part] }]);
  const off = await api.post(`/files/upload_sessions/${session.id}/plan`, { parts: [{ ...part, offset: 1 }] });
  assert.equal(off.status, 416);
});

test('failures that a browser client reports are logged', async () => {
  const session = await api.createSession('log.bin', SIZE);
  const answer = await api.post(`/files/upload_sessions/${session.id}/log`, {
    event_type: 'part_failed',
    event_info: 'offset 65536',
  });
  assert.equal(answer.status, 204);
  await server.waitForLog(/part_failed.*offset 65536|offset 65536.*part_failed/);
});
