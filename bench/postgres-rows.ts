/**
 * Measures the space and the statements of sessions and parts in PostgreSQL: a million rows of each, as the server writes
 * them, and the statements that record a part after its upload to S3. Starts its own PostgreSQL, in memory, whose syncs take
 * a millisecond each, so that results do not depend on the disk.
 *
 *   TMPDIR=/dev/shm node bench/postgres-rows.ts [--rows 1000000] [--seconds 6] [--rounds 3]
 */
import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { Client } from 'pg';
import { migrate } from '../packages/server/src/database/migrate.ts';
import { openPostgres } from '../packages/server/src/database/postgres/postgres.ts';
import { findPostgres, startPostgres } from '../test/engines/postgres.ts';
import { createDatabase } from '../test/engines/postgres-database.ts';
import { deleteAtExit } from '../test/support/leftovers.ts';
import { median, saveResults, spread } from './support.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '3' },
  },
});
const ROWS = Number(values.rows);
const PARTS_A_SESSION = 100;
const CLIENTS = [1, 10, 40];
/** Whether saving the checkpoint notifies the node with the next part, and whether that waits for the disk. */
const CALLS = ['none', 'each', 'none, unsynced', 'each, unsynced'] as const;

/** The number of sessions that receive parts at the same time. */
const ACTIVE = 10_000;
/** The duration of a sync, in microseconds. Simulated by commit_delay in memory, so that it is constant. */
const SYNC_MICROS = 1000;
/** A part tag and a hash state, as long as those that the server writes. */
const PART_TAG = `'"' || md5(place::text) || '"'`;
const STATE = `repeat('s', 128)`;

await using postgres = await startPostgres({
  settings: {
    ...{ fsync: 'on', synchronous_commit: 'on', shared_buffers: '1GB' },
    ...{ commit_delay: String(SYNC_MICROS), commit_siblings: '0' },
  },
});
const url = await createDatabase(postgres.url, 'rows');
const schema = openPostgres(url, { statementTimeout: 0 });
await migrate(schema);
await schema.destroy();
const db = new Client({ connectionString: url });
await db.connect();
await using closing = new AsyncDisposableStack();
closing.defer(() => db.end());
await db.query('set synchronous_commit = off');

const tables: Record<string, Record<string, number>> = {};
await timed('sessions', fillSessions);
tables.upload_sessions = await bytesPerRow('upload_sessions', ROWS);
await timed('parts', fillParts);
tables.parts = await bytesPerRow('parts', ROWS);
tables['upload_sessions after checkpoints'] = await bytesPerRow('upload_sessions', ROWS);
await timed('files', fillFiles);
tables.items = await bytesPerRow('items', ROWS);
tables.versions = await bytesPerRow('versions', ROWS);
console.table(tables);

const rates = await measureRates();
console.table(rates);
const rest = { logBytesPerPart: await measureLogPerPart(), millisPerHundredBlobs: await measureReferenceQuery() };
console.log(rest);
console.log(await saveResults('postgres-rows', { rows: ROWS, tables, rates, ...rest }));

async function fillSessions(): Promise<void> {
  await db.query(
    `insert into users (id, login, login_key, name, name_key, role, details, root_id, created_at, modified_at) values (1, 'bench', 'bench', 'Bench', 'bench', 'user', '', 2, 0, 0)`,
  );
  await inBatches(
    (from, to) => `
    insert into upload_sessions (id, owner_id, folder_id, name, blob_id, staged_blob, file_size, state, created_at, expires_at)
    select upper(md5('s' || n)), 1, 2, 'holiday video ' || n || '.mp4', md5('c' || n),
      '{"blob":"' || md5('c' || n) || '","layout":{"fileSize":1000000000,"partSize":8388608,"partCount":120},"backendState":"2~' || md5('u' || n) || '"}',
      1000000000, 'open', 1764000000000 + n, 1764604800000 + n
    from generate_series(${from}::int, ${to}::int) n`,
  );
}

/** Writes rows as the server does: reserve, store, save the checkpoint, each by itself; a hundred parts per session. */
async function fillParts(): Promise<void> {
  const sessions = ROWS / PARTS_A_SESSION;
  await db.query(`create procedure store_parts(first int, last int) language plpgsql as $$
    declare n int; whose text; place int;
    begin
      for n in first..last loop
        whose := upper(md5('s' || 1 + n % ${sessions}));
        place := n / ${sessions};
        insert into parts (session_id, part_index, sha1, tag, created_at, stored, node)
          values (whose, place, substr(md5(n::text) || md5(n::text), 1, 40), '', 1764000000000, 0, 'ABCDEF0123456789');
        commit;
        update parts set stored = 1, tag = ${PART_TAG}, created_at = 1764000000001 where session_id = whose and part_index = place;
        commit;
        update upload_sessions set hashed_parts = place + 1, hash_state = ${STATE} where id = whose;
        commit;
      end loop;
    end $$`);
  for (let from = 0; from < ROWS; from += 50_000) {
    await db.query(`call store_parts(${from}, ${Math.min(ROWS, from + 50_000) - 1})`);
  }
}

async function fillFiles(): Promise<void> {
  await inBatches(
    (from, to) => `
    insert into items (id, kind, owner_id, parent_id, name, name_key, description, etag, version_id, created_at, modified_at,
      content_created_at, content_modified_at, created_by, modified_by, size)
    select 1000000000000 + n, 'file', 1, null, 'holiday video ' || n || '.mp4', 'holiday video ' || n || '.mp4', '', 0,
      2000000000000 + n, 1764000000000, 1764000000000, 1764000000000, 1764000000000, 1, 1, 1000000000
    from generate_series(${from}::int, ${to}::int) n`,
  );
  await inBatches(
    (from, to) => `
    insert into versions (id, file_id, blob_id, name, size, sha1, created_at, created_by)
    select 2000000000000 + n, 1000000000000 + n, md5('v' || n), 'holiday video ' || n || '.mp4', 1000000000,
      substr(md5(n::text) || md5(n::text), 1, 40), 1764000000000, 1
    from generate_series(${from}::int, ${to}::int) n`,
  );
}

async function inBatches(statement: (from: number, to: number) => string): Promise<void> {
  for (let from = 1; from <= ROWS; from += 50_000) await db.query(statement(from, Math.min(ROWS, from + 49_999)));
}

async function bytesPerRow(table: string, rows: number): Promise<Record<string, number>> {
  await db.query(`vacuum analyze ${table}`);
  const { rows: sizes } = await db.query<{ name: string; bytes: string }>(
    `select 'rows' as name, pg_table_size($1::regclass) as bytes
     union all select indexrelid::regclass::text, pg_relation_size(indexrelid) from pg_index where indrelid = $1::regclass`,
    [table],
  );
  return Object.fromEntries(sizes.map(({ name, bytes }) => [name, Math.round(Number(bytes) / rows)]));
}

/** Alternates, so that other load on the machine affects all variants alike. */
async function measureRates(): Promise<{ calls: string; clients: number; partsPerSecond: number; spread: number }[]> {
  const cases = CLIENTS.flatMap((clients) => CALLS.map((calls) => ({ calls, clients, rounds: [] as number[] })));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { calls, clients, rounds } of cases) rounds.push(await measurePartsPerSecond(clients, calls));
  }
  return cases.map(({ calls, clients, rounds }) => ({
    ...{ calls, clients, partsPerSecond: Math.round(median(rounds)), spread: Number(spread(rounds).toFixed(2)) },
  }));
}

/** Stores parts repeatedly, as the server does: three statements, each in a transaction of its own. */
async function measurePartsPerSecond(clients: number, calls: (typeof CALLS)[number]): Promise<number> {
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-bench-rows-')));
  const script = join(folder, 'part.sql');
  const call = `case when pg_notify('partway_node_' || :client_id, 'x') is null then 0 else 1 end`;
  const unsynced = calls.endsWith('unsynced') ? ", set_config('synchronous_commit', 'off', true)" : '';
  await writeFile(
    script,
    [
      `\\set n random(1, ${ACTIVE})`,
      `\\set place random(1000, 2000000000)`,
      `insert into parts (session_id, part_index, sha1, tag, created_at, stored, node) select id, :place, substr(md5(:place::text) || md5(:n::text), 1, 40), '', 1764000000000, 0, 'ABCDEF0123456789' from upload_sessions where id = upper(md5('s' || :n)) and state = 'open' for share on conflict (session_id, part_index) do nothing;`,
      `update parts set stored = 1, tag = ${PART_TAG.replace('place::', ':place::')}, created_at = 1764000000001 where session_id = upper(md5('s' || :n)) and part_index = :place and stored = 0 returning (select hash_state from upload_sessions where id = session_id);`,
      `update upload_sessions set hashed_parts = :place, hash_state = ${STATE} where id = upper(md5('s' || :n)) and state = 'open' returning ${calls.startsWith('none') ? '1' : call}${unsynced};`,
      '',
    ].join('\n'),
  );
  const programs = findPostgres() ?? '';
  const { stdout } = await promisify(execFile)(join(programs, 'pgbench'), [
    ...['-n', '-M', 'prepared', '-c', String(clients), '-j', '1', '-T', values.seconds, '-f', script, url],
  ]);
  return Number(/tps = ([0-9.]+)/.exec(stdout)?.[1]);
}

/** The bytes of log per part, without full-page writes, which depend on the number of checkpoints. */
async function measureLogPerPart(): Promise<number> {
  await db.query('alter system set full_page_writes = off');
  await db.query('select pg_reload_conf()');
  const at = async () =>
    (await db.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn')).rows[0]?.lsn;
  const before = await at();
  const parts = (await measurePartsPerSecond(10, 'none')) * Number(values.seconds);
  const { rows } = await db.query<{ bytes: string }>('select pg_wal_lsn_diff($1, $2) as bytes', [await at(), before]);
  return Math.round(Number(rows[0]?.bytes) / parts);
}

/** Times the query of garbage collection: which of a hundred blobs a version or an open session references. */
async function measureReferenceQuery(): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 200; round++) {
    const begun = performance.now();
    await db.query(
      `select blob_id from versions where blob_id = any(select md5('v' || 1 + (random() * $1)::int) from generate_series(1, 100))
       union all select blob_id from upload_sessions where state = 'open' and blob_id = any(select md5('c' || n) from generate_series(1, 100) n)`,
      [ROWS - 1],
    );
    times.push(performance.now() - begun);
  }
  return Number(median(times).toFixed(2));
}

async function timed(what: string, act: () => Promise<void>): Promise<void> {
  const begun = performance.now();
  await act();
  console.error(`${what}: ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}
