import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { getDatabaseId } from '../../packages/server/src/database/metadata.ts';
import { openForMigration } from '../../packages/server/src/database/open-database.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { newDatabaseName } from '../engines/new-database-name.ts';
import { noPostgres, type Postgres, startPostgres } from '../engines/postgres.ts';
import { administer, createDatabase } from '../engines/postgres-database.ts';
import { deleteAtExit } from '../support/leftovers.ts';

const PASSWORD = 'not-to-be-shown';
const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

describe('the schema in PostgreSQL', { skip: noPostgres, timeout: 600_000 }, () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres({ password: PASSWORD });
  });
  after(() => server[Symbol.asyncDispose]());

  it('is created by `partway migrate`, and by nothing else', async () => {
    const url = await createDatabase(server.url, newDatabaseName());
    for (const args of [['serve'], ['user', 'list']]) {
      const ended = await partway(args, url);
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, /has no Partway tables yet\. Run `partway migrate`/);
    }
    assert.equal((await partway(['migrate'], url)).code, 0);
    assert.equal((await partway(['migrate'], url)).code, 0);
    const listed = await partway(['user', 'list'], url);
    assert.deepEqual([listed.code, listed.stderr], [0, '']);
  });

  it('is not created in a database that cannot store every name', async () => {
    const name = newDatabaseName();
    await administer(server.url, `create database ${name} encoding 'LATIN1' locale 'C' template template0`);
    const ended = await partway(['migrate'], Object.assign(new URL(server.url), { pathname: `/${name}` }).href);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /encoding is LATIN1.*encoding 'UTF8'/);
  });

  it('is created once if several nodes migrate in parallel', async () => {
    for (let round = 0; round < 5; round++) {
      const url = await createDatabase(server.url, newDatabaseName());
      const nodes = await Promise.all(Array.from({ length: 4 }, () => openForMigration({ url, file: '' })));
      const ids = await Promise.all(nodes.map(getDatabaseId));
      assert.equal(new Set(ids).size, 1);
      for (const node of nodes) await node.destroy();
    }
  });

  it('of another version of Partway is left unchanged and rejected', async () => {
    const url = await createDatabase(server.url, newDatabaseName());
    assert.equal((await partway(['migrate'], url)).code, 0);
    const db = openPostgres(url);
    await sql`delete from kysely_migration where name = (select max(name) from kysely_migration)`.execute(db);
    const older = await partway(['serve'], url);
    assert.equal(older.code, 1);
    assert.match(older.stderr, /has no Partway tables yet\. Run `partway migrate`/);
    await sql`insert into kysely_migration (name, timestamp) values ('9999-from-the-future', '2099')`.execute(db);
    for (const command of ['serve', 'migrate']) {
      const newer = await partway([command], url);
      assert.equal(newer.code, 1);
      assert.match(newer.stderr, /created by another version of Partway \(schema 9999-from-the-future/);
    }
    await db.destroy();
  });

  it('can be used by a role with minimal privileges after another role has created it', async () => {
    const url = await createDatabase(server.url, 'least');
    assert.equal((await partway(['migrate'], url)).code, 0);
    await administer(url, `create role serving login password '${PASSWORD}'`);
    const db = openPostgres(url);
    await sql`grant select, insert, update, delete on all tables in schema public to serving`.execute(db);
    await db.destroy();
    const least = Object.assign(new URL(url), { username: 'serving' }).href;
    const added = await partway(['user', 'add', 'least@partway.test'], least);
    assert.deepEqual([added.code, added.stderr], [0, '']);
    assert.equal((await partway(['migrate'], least)).code, 0, 'there is nothing left to create');
  });

  it('is not found if the server is unreachable, the password wrong or the database missing, and no password is shown', async () => {
    const trials: [Partial<URL>, RegExp][] = [
      [{ port: '1' }, /It cannot be reached: connect ECONNREFUSED/],
      [{ pathname: '/missing' }, /database "missing" does not exist/],
      [{ username: 'stranger' }, /password authentication failed for user "stranger"/],
      [{ password: `${PASSWORD}-either` }, /password authentication failed for user "partway"/],
    ];
    for (const [change, said] of trials) {
      const ended = await partway(['user', 'list'], Object.assign(new URL(server.url), change).href);
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, said);
      assert.doesNotMatch(ended.stderr + ended.stdout, new RegExp(PASSWORD));
    }
  });

  it('is reached with PostgreSQL’s own variables and a password file', async () => {
    const url = await createDatabase(server.url, newDatabaseName());
    const { hostname, port, pathname, username } = new URL(url);
    const where = { PGHOST: hostname, PGPORT: port, PGUSER: username };
    const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-pgpass-')));
    const PGPASSFILE = join(folder, 'pgpass');
    writeFileSync(PGPASSFILE, `${hostname}:${port}:*:*:${PASSWORD}\n`, { mode: 0o600 });
    const ended = await partway(['migrate'], `postgres://${pathname}`, { ...where, PGPASSFILE });
    // pg prints on stderr that a later version will no longer read the file.
    assert.equal(ended.code, 0);
    assert.equal((await partway(['migrate'], `postgres://${pathname}`, { ...where, PGPASSWORD: PASSWORD })).stderr, '');
  });
});

interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

function partway(args: string[], url: string, more: Record<string, string> = {}): Promise<CommandResult> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-schema-')));
  const env = { PATH: process.env.PATH, PARTWAY_DATA: folder, PARTWAY_LISTEN: '127.0.0.1:0', PARTWAY_DATABASE: url };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [PARTWAY, ...args], { env: { ...env, ...more } }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
