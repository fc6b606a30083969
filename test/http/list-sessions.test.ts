import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes, splitIntoParts } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PART = 65_536;

let server: TestServer;
before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' } });
});
after(() => server[Symbol.asyncDispose]());

async function createUser(login: string): Promise<Api> {
  const token = await getUserToken(server, await addApp(server, login), await addUser(server, login));
  return new Api({ url: server.url, token });
}

test("a user's uploads in progress are listed with their destination and progress", async () => {
  const api = await createUser('ada@partway.test');
  const bytes = seededBytes(3 * PART, 'listed');
  const folder = (await api.post('/folders', { name: 'in', parent: { id: '0' } })).json;
  const session = await api.createSession('listed.bin', bytes.length, folder.id);
  for (const part of splitIntoParts(bytes, PART).slice(1)) {
    await api.putPart(session.id, { ...part, total: bytes.length });
  }
  const { json } = await api.get('/files/upload_sessions');
  const { entries, ...rest } = json;
  assert.deepEqual(rest, { limit: 100 });
  assert.equal(entries.length, 1);
  const status = (await api.get(`/files/upload_sessions/${session.id}`)).json;
  assert.deepEqual(entries[0], {
    ...status,
    num_parts_processed: 2,
    file_name: 'listed.bin',
    file_size: bytes.length,
    file_id: null,
    folder_id: folder.id,
    created_at: entries[0].created_at,
  });
  assert.ok(Math.abs(Date.parse(entries[0].created_at) - Date.now()) < 60_000);
});

test('an upload of a new version is listed with its file, in the root folder "0"', async () => {
  const api = await createUser('grace@partway.test');
  const session = await api.createSession('grace.bin', PART);
  const parts = await api.uploadParts(session, seededBytes(PART, 'grace'));
  const file = (await api.commit(session.id, parts, seededBytes(PART, 'grace'))).json.entries[0];
  assert.deepEqual((await api.get('/files/upload_sessions')).json.entries, []);
  await api.post(`/files/${file.id}/upload_sessions`, { file_size: PART });
  const [listed] = (await api.get('/files/upload_sessions')).json.entries;
  assert.deepEqual([listed.file_id, listed.file_name, listed.folder_id], [file.id, null, '0']);
});

test('users cannot see the uploads of others', async () => {
  const [eve, bob] = [await createUser('eve@partway.test'), await createUser('bob@partway.test')];
  await bob.createSession('secret.bin', PART);
  assert.deepEqual((await eve.get('/files/upload_sessions')).json.entries, []);
  const { entries } = (await bob.get('/files/upload_sessions')).json;
  assert.deepEqual(
    entries.map((entry: { num_parts_processed: number }) => entry.num_parts_processed),
    [0],
  );
});

test('the list is paginated, and each session is on one page', async () => {
  const api = await createUser('pages@partway.test');
  const created: string[] = [];
  for (let n = 0; n < 5; n++) created.push((await api.createSession(`${n}.bin`, PART)).id);
  const seen: string[] = [];
  let marker: string | undefined = '';
  while (marker !== undefined) {
    const { json } = await api.get(`/files/upload_sessions?limit=2&marker=${marker}`);
    seen.push(...json.entries.map(({ id }: { id: string }) => id));
    marker = json.next_marker;
  }
  assert.deepEqual(seen, created.toSorted());
  assert.equal((await api.get('/files/upload_sessions?marker=x')).status, 400);
  await api.delete(`/files/upload_sessions/${created[0]}`);
  assert.equal((await api.get('/files/upload_sessions')).json.entries.length, 4);
});
