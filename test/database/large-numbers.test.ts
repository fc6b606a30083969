import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sql } from 'kysely';
import { jsonLines, run } from '../cli/run.ts';
import { addUser } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { databaseSettings, openTestDatabase } from '../support/test-database.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const OTHER = 'other@partway.test';

/**
 * Beyond 2^53, where JavaScript's numbers are no longer exact: slightly, and the largest number that a row can hold.
 */
for (const beyond of ['9007199254740993', '9223372036854775807']) {
  describe(`users with a counter of ${beyond}`, () => {
    let server: TestServer;
    let api: Api;
    before(async () => {
      server = await startServer({ env: { PARTWAY_MIN_SESSION_SIZE: '0' } });
      await addUser(server, OTHER);
      api = new Api(server);
      await api.createSession('open.bin', 1000);
      await server.stop();
      const db = await openTestDatabase(server.dataFolder);
      await sql`update users set space_reserved = ${sql.raw(beyond)}, space_used = ${sql.raw(beyond)}`.execute(db);
      await sql`update items set size = ${sql.raw(beyond)} where parent_id is null`.execute(db);
      await db.destroy();
      await server.restart();
    });
    after(() => server[Symbol.asyncDispose]());

    it('do not prevent a start, and are listed with the largest exact number', async () => {
      const users = await api.get('/users?user_type=all');
      assert.equal(users.status, 200, users.text);
      const other = users.json.entries.find(({ login }: { login: string }) => login === OTHER);
      assert.equal(other.space_used, MAX);
      const me = await api.get('/users/me');
      assert.equal(me.status, 200, me.text);
      assert.equal(me.json.space_used, MAX);
      const root = await api.get('/folders/0');
      assert.equal(root.status, 200, root.text);
      assert.equal(root.json.size, MAX);
    });

    it('can be administered', async () => {
      const { entries } = (await api.get('/users?user_type=all')).json;
      const { id } = entries.find(({ login }: { login: string }) => login === OTHER);
      const changed = await api.call('PUT', `/users/${id}`, { body: { name: 'Renamed' } });
      assert.equal(changed.status, 200, changed.text);
      const made = await api.post('/users', { login: 'new@partway.test', name: 'New' });
      assert.equal(made.status, 201, made.text);
    });

    it('have no space for more bytes, and get that error', async () => {
      const answer = await api.post('/files/upload_sessions', { folder_id: '0', file_size: 10, file_name: 'more.bin' });
      assert.equal(answer.status, 403, answer.text);
      assert.equal(answer.json.code, 'storage_limit_exceeded');
    });

    it('are listed by commands, and repaired by fsck', async () => {
      await server.stop();
      const folder = ['--data', server.dataFolder];
      const env = databaseSettings(server.dataFolder);
      const listed = await run(['user', 'list', '--json', ...folder], { env });
      assert.equal(listed.code, 0, listed.stderr);
      const shown = JSON.parse(listed.stdout).find(({ login }: { login: string }) => login === OTHER);
      assert.equal(shown.space_used, MAX);
      const repaired = await run(['fsck', '--repair', '--all-stopped', '--json', ...folder], { env });
      assert.equal(repaired.code, 0, repaired.stderr + repaired.stdout);
      const db = await openTestDatabase(server.dataFolder);
      const users = await db.selectFrom('users').select(['login', 'space_used', 'space_reserved']).execute();
      await db.destroy();
      for (const { login, space_used, space_reserved } of users) {
        assert.equal(space_used, 0, login);
        assert.ok([0, 1000].includes(space_reserved), `${login} has ${space_reserved} reserved`);
      }
      assert.equal(users.filter(({ space_reserved }) => space_reserved === 1000).length, 1);
      await server.restart();
      await api.createSession('more.bin', 10);
      assert.equal((await api.get('/folders/0')).json.size, 0);
    });
  });
}

describe('sums that exceed all numbers', () => {
  it('do not stop fsck, which reports the counts', async () => {
    await using server = await startServer({ env: { PARTWAY_MIN_SESSION_SIZE: '0' } });
    const api = new Api(server);
    for (const name of ['a.bin', 'b.bin', 'c.bin']) await api.createSession(name, 1000);
    await server.stop();
    const db = await openTestDatabase(server.dataFolder);
    await sql`update upload_sessions set file_size = 9223372036854775807`.execute(db);
    await db.destroy();
    const env = databaseSettings(server.dataFolder);
    const checked = await run(['fsck', '--json', '--data', server.dataFolder], { env });
    const findings = jsonLines(checked.stdout).filter(({ kind }) => kind === 'space_reserved_off');
    assert.equal(findings.length, 1, checked.stderr + checked.stdout);
    assert.partialDeepStrictEqual(findings[0], { about: { counted: MAX } });
  });
});
