import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { openDatabase } from '../../packages/server/src/database/open-database.ts';
import { newPostgresDatabase, stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { partway } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';

const ENV = { PARTWAY_ORPHAN_GRACE: '0s', PARTWAY_SWEEP_INTERVAL: '20ms' };
const BYTES = seededBytes(1000, 'the only copy');

after(stopPostgres);

describe('bytes and the database that references them', { skip: noPostgres, timeout: 600_000 }, () => {
  it('are linked at the first start, and at the next start if the marker is missing', async () => {
    await using server = await startServer({ env: sqliteSettings() });
    await addFile(server);
    await server.stop();
    const marker = join(server.dataFolder, 'database-id');
    const id = await readFile(marker, 'utf8');
    assert.match(id, /^[0-9a-f]{32}\n$/);
    await rm(marker);
    await server.restart();
    assert.equal(await readFile(marker, 'utf8'), id);
  });

  it('are rejected before a byte is deleted if they do not belong together', async () => {
    await using database = await newPostgresDatabase();
    await using own = await startServer({ env: sqliteSettings() });
    const file = await addFile(own);
    await own.stop();
    const { dataFolder } = own;
    const elsewhere = { dataFolder, env: { ...ENV, PARTWAY_DATABASE: database.url } };
    await assert.rejects(startServer(elsewhere), /not known to belong to this database/);
    // As in a folder without a marker, whose database is unknown.
    await rm(join(dataFolder, 'database-id'));
    await assert.rejects(startServer(elsewhere), /not known to belong to this database/);
    await sleep(100);
    await own.restart();
    assert.deepEqual(await new Api(own).download(file), BYTES);
  });

  it('are rejected if the folder has another SQLite file', async () => {
    await using own = await startServer({ env: sqliteSettings() });
    const file = await addFile(own);
    await own.stop();
    const rows = join(own.dataFolder, 'partway.sqlite');
    const saved = await readFile(rows);
    await rm(rows);
    await (await openDatabase({ url: undefined, file: rows, connections: 1 })).destroy();
    await assert.rejects(own.restart(), /not known to belong to this database/);
    await writeFile(rows, saved);
    await own.restart();
    assert.deepEqual(await new Api(own).download(file), BYTES);
  });

  it('stay together if a second node has a folder of its own', async () => {
    await using database = await newPostgresDatabase();
    const env = { ...ENV, PARTWAY_DATABASE: database.url, PARTWAY_TOKEN: 'the-token-of-all-nodes' };
    await using first = await startServer({ env });
    const key = join(first.dataFolder, 'signing-key');
    // While there are no files, nothing can be lost, and bytes can be stored elsewhere.
    await using early = await startServer({ env: { ...env, PARTWAY_SIGNING_KEY_FILE: key } });
    await early.stop();
    const file = await addFile(first);
    await assert.rejects(
      startServer({ env: { ...env, PARTWAY_SIGNING_KEY_FILE: key } }),
      /has files whose bytes are not in this storage/,
    );
    await first.restart();
    assert.deepEqual(await new Api(first).download(file), BYTES);
  });

  it('can be linked manually as the message says', async () => {
    await using database = await newPostgresDatabase();
    const env = { ...ENV, PARTWAY_DATABASE: database.url };
    await using server = await startServer({ env });
    const file = await addFile(server);
    await server.stop();
    const marker = join(server.dataFolder, 'database-id');
    await rm(marker);
    const failure = await server.restart().catch((error: Error) => error);
    const [, place = '', id = ''] = /write this ID into (\S+): ([0-9a-f]{32})/.exec(String(failure)) ?? [];
    assert.equal(place, marker);
    await writeFile(place, id);
    await server.restart();
    assert.deepEqual(await new Api(server).download(file), BYTES);
  });
});

describe('the secrets of nodes on one database', { skip: noPostgres, timeout: 600_000 }, () => {
  it('are those of the first node, and another node is told which file or setting it needs', async () => {
    await using database = await newPostgresDatabase();
    const PARTWAY_DATABASE = database.url;
    await using first = await startServer({ env: { PARTWAY_DATABASE } });
    const PARTWAY_TOKEN = first.token;
    await assert.rejects(startServer({ env: { PARTWAY_DATABASE, PARTWAY_TOKEN } }), /PARTWAY_SIGNING_KEY_FILE/);
    const PARTWAY_SIGNING_KEY_FILE = join(first.dataFolder, 'signing-key');
    await assert.rejects(
      startServer({ env: { PARTWAY_DATABASE, PARTWAY_SIGNING_KEY_FILE } }),
      (error: Error) =>
        /Set PARTWAY_TOKEN to the same value/.test(error.message) && !error.message.includes(first.token),
    );
    await using second = await startServer({ env: { PARTWAY_DATABASE, PARTWAY_TOKEN, PARTWAY_SIGNING_KEY_FILE } });
    assert.equal((await new Api(second).get('/users/me')).status, 200);
    const { rows } = await sql<{ value: string }>`select value from metadata`.execute(await database.open());
    assert.ok(rows.every(({ value }) => value !== first.token));
  });

  it('change when they are forgotten', async () => {
    await using database = await newPostgresDatabase();
    const PARTWAY_DATABASE = database.url;
    await using first = await startServer({ env: { PARTWAY_DATABASE } });
    await first.stop();
    await partway(first, 'secrets', 'forget', '--database', PARTWAY_DATABASE);
    await using second = await startServer({ env: { PARTWAY_DATABASE } });
    assert.equal((await new Api(second).get('/users/me')).status, 200);
    await assert.rejects(first.restart(), /signing key differs from the other nodes' key/);
  });
});

/** The SQLite file of the data folder, whichever database the suites use. */
function sqliteSettings(): Record<string, string> {
  return { ...ENV, PARTWAY_DATABASE: '' };
}

async function addFile(server: TestServer): Promise<string> {
  const form = new FormData();
  form.set('attributes', JSON.stringify({ name: 'file.bin', parent: { id: '0' } }));
  form.set('file', new Blob([BYTES]));
  const headers = { authorization: `Bearer ${server.token}` };
  const answer = await fetch(`${server.url}/2.0/files/content`, { method: 'POST', headers, body: form });
  assert.equal(answer.status, 201);
  return ((await answer.json()) as { entries: { id: string }[] }).entries[0]?.id ?? '';
}
