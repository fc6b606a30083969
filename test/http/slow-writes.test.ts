import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { countCommitsInLog, lockDatabase } from '../database/locked-database.ts';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes, splitIntoParts } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { onlySqlite } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const PART = 65_536;
const PARTS = 18;

test('while 18 parts wait for a commit, logins, lists and readiness checks are answered, and then the parts share the commit', {
  skip: onlySqlite || bytesNotOnDisk,
}, async () => {
  await using server = await startServer({
    env: { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' },
  });
  const rows = join(server.dataFolder, 'partway.sqlite');
  const app = await addApp(server);
  const token = await getUserToken(server, app, await addUser(server, 'other@partway.test'));
  const api = new Api(server);
  const bytes = seededBytes(PARTS * PART, 'slow writes');
  const session = await api.createSession('slow.bin', bytes.length);
  const before = countCommitsInLog(rows);

  using lock = lockDatabase(rows);
  let stored = 0;
  const sent = splitIntoParts(bytes, PART).map(async (part) => {
    const answer = await api.putPart(session.id, { ...part, total: bytes.length });
    if (answer.status === 200) stored += 1;
    return answer;
  });
  await until(() => readStagedFile(server.dataFolder).equals(bytes));

  // The server has never seen this token, so it has to look it up.
  const other = new Api({ url: server.url, token });
  for (let n = 0; n < 10; n++) {
    const answers = await Promise.all([
      other.get('/users/me'),
      other.get('/folders/0/items'),
      api.get('/folders/0/items'),
      api.get(`/files/upload_sessions/${session.id}`),
      api.get(`/files/upload_sessions/${session.id}/parts`),
      api.get(`${server.url}/readyz`),
    ]);
    for (const { status, text } of answers) assert.equal(status, 200, text);
  }
  assert.equal(stored, 0, 'no part was stored before the lock was released');

  lock.release();
  for (const { status, text } of await Promise.all(sent)) assert.equal(status, 200, text);
  const commits = countCommitsInLog(rows) - before;
  assert.ok(commits <= 4, `${PARTS} parts took ${commits} commits`);
});

/** The bytes of the only upload in progress. */
function readStagedFile(dataFolder: string): Buffer {
  const staging = join(dataFolder, 'staging');
  const files = readdirSync(staging, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const [file] = files;
  return file === undefined ? Buffer.alloc(0) : readFileSync(join(file.parentPath, file.name));
}
