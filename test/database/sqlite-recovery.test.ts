import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deleteAtExit } from '../support/leftovers.ts';
import { countCommitsInLog } from './locked-database.ts';
import { noStrace, type Traced, traceProcess } from './trace-process.ts';

const CHILD = fileURLToPath(new URL('./opening-child.ts', import.meta.url));
const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

describe('a transaction that a killed process wrote but did not sync', { skip: noStrace }, () => {
  it('is synced by the process that finds it, before it prints anything about it', async () => {
    const { path, folder } = await killBeforeSync();
    const { calls, stdout } = await traceProcess([CHILD, path]);
    assert.match(stdout, /users: 2/, "the transaction is in the kernel's memory");
    assertSyncedFirst(calls, [`${path}-wal`, folder], /users: 2/);
  });

  it('is synced even if another process has recovered it and reads, so that no checkpoint can do it', async () => {
    const { path, folder } = await killBeforeSync();
    const reader = new DatabaseSync(path);
    reader.exec('begin; select count(*) from users');
    const { calls, stdout } = await traceProcess([CHILD, path]);
    reader.close();
    assert.match(stdout, /users: 2/);
    assertSyncedFirst(calls, [`${path}-wal`, folder], /users: 2/);
  });

  it('is also written to the database file, in case an earlier sync of the log failed', async () => {
    const { path } = await killBeforeSync();
    const { calls } = await traceProcess([CHILD, path]);
    const [log, file] = [`${path}-wal`, path].map((each) =>
      calls.findIndex(({ call, path: synced }) => call === 'fsync' && synced === each),
    );
    assert.ok(log !== undefined && file !== undefined && log >= 0 && file > log, 'the log, then the file');
  });

  for (const [what, args] of Object.entries({
    'partway user list': ['user', 'list'],
    'partway migrate': ['migrate'],
    'partway fsck': ['fsck'],
    'partway user add': ['user', 'add', 'somebody@partway.test'],
  })) {
    it(`is synced by ${what} before it prints anything`, async () => {
      const { data, path } = await createDataFolder(await killBeforeSync());
      const { calls } = await traceProcess([PARTWAY, ...args, '--data', data]);
      assertSyncedFirst(calls, [`${path}-wal`, data], /./);
    });
  }

  it('is synced by a server before it listens', async () => {
    const { data, path } = await createDataFolder(await killBeforeSync());
    const env = { PARTWAY_DATA: data, PARTWAY_TOKEN: 'a'.repeat(40), PARTWAY_LISTEN: '127.0.0.1:0' };
    const start = () => traceProcess([PARTWAY, 'serve'], { env, stopAt: /listening on/ });
    // The first start writes its own rows; the second, after the first was killed, writes none.
    await start();
    const { calls } = await start();
    const listens = calls.findIndex(({ call }) => call === 'listen');
    assert.ok(listens >= 0);
    const synced = calls.slice(0, listens).filter(({ call }) => call === 'fsync');
    assert.ok(synced.some((call) => call.path === `${path}-wal`));
  });
});

describe('a new database file', { skip: noStrace }, () => {
  it('has its name and that of its log on disk before anything is printed about it', async () => {
    const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-recovery-')));
    const path = join(folder, 'rows.sqlite');
    const { calls } = await traceProcess([CHILD, path, 'first@partway.test']);
    assertSyncedFirst(calls, [`${path}-wal`, folder], /users: 1/);
  });

  it('has them even if the process that created them was killed before and the log is empty', async () => {
    const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-recovery-')));
    const path = join(folder, 'rows.sqlite');
    const made = new DatabaseSync(path);
    made.exec('pragma journal_mode = wal');
    made.exec('create table before (n integer)');
    made.exec('pragma wal_checkpoint(truncate)');
    assert.equal(statSync(`${path}-wal`).size, 0);
    const { calls } = await traceProcess([CHILD, path]);
    made.close();
    assertSyncedFirst(calls, [`${path}-wal`, folder], /users: 0/);
  });
});

/** Asserts that each of these was synced before the first output. */
function assertSyncedFirst(calls: Traced['calls'], paths: readonly string[], output: RegExp): void {
  const first = calls.findIndex(
    ({ call, descriptor, text }) => call === 'write' && descriptor === 1 && output.test(text),
  );
  assert.ok(first >= 0, 'it printed its output');
  const synced = new Set(calls.slice(0, first).map(({ call, path }) => (call === 'fsync' ? path : '')));
  for (const path of paths) assert.ok(synced.has(path), `${path} was not synced first`);
}

/** The files of a process that was killed instead of its last log sync: its second user is in no synced row. */
async function killBeforeSync(): Promise<{ folder: string; path: string }> {
  const [trial, folder] = [
    deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-recovery-'))),
    deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-recovery-'))),
  ];
  const LOGINS = ['first@partway.test', 'second@partway.test'];
  const { calls } = await traceProcess([CHILD, join(trial, 'rows.sqlite'), ...LOGINS]);
  const syncs = calls.filter(({ call }) => call === 'fsync').length;

  const path = join(folder, 'rows.sqlite');
  const { calls: done, stdout } = await traceProcess([CHILD, path, ...LOGINS], { killAtSync: syncs });
  assert.equal(stdout, '', 'it was killed before it printed anything');
  assert.equal(done.filter(({ call }) => call === 'fsync').length, syncs - 1);
  assert.equal(
    countCommitsInLog(path),
    countCommitsInLog(join(trial, 'rows.sqlite')),
    'the last transaction is written',
  );
  return { folder, path };
}

/** A data folder with these rows. */
async function createDataFolder({
  folder,
  path,
}: {
  folder: string;
  path: string;
}): Promise<{ data: string; path: string }> {
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  const rows = join(data, 'partway.sqlite');
  copyFileSync(path, rows);
  copyFileSync(`${path}-wal`, `${rows}-wal`);
  assert.ok(existsSync(rows) && readFileSync(`${rows}-wal`).length > 0);
  return { data, path: rows };
}
