import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { readConfig } from '../../packages/server/src/config/config.ts';
import { startServer } from '../../packages/server/src/server.ts';
import { Api } from '../support/api.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { bytesNotOnDisk, storageSettings } from '../support/storage.ts';
import { onlySqlite } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const TOKEN = 'dead-thread'.repeat(4);

test('the server survives the death of its database threads, and is not ready while it cannot open its database again', {
  skip: onlySqlite,
}, async () => {
  const threads: Worker[] = [];
  const onThread = (thread: Worker) => threads.push(thread);
  process.on('worker', onThread);
  const dataFolder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-dead-thread-')));
  const server = await startServer(
    readConfig({
      PARTWAY_DATA: dataFolder,
      PARTWAY_TOKEN: TOKEN,
      PARTWAY_LISTEN: '127.0.0.1:0',
      PARTWAY_LOG: 'silent',
      PARTWAY_MIN_SESSION_SIZE: '0',
      ...storageSettings(dataFolder),
    }),
  );
  const killAll = async () => {
    const alive = threads.filter(({ threadName }) => threadName?.startsWith('sqlite-'));
    for (const thread of alive) await thread.terminate();
    await until(() => alive.every(({ threadId }) => threadId === -1));
    return alive.length;
  };
  const api = new Api({ url: server.url, token: TOKEN });
  const ready = async () => (await api.get(`${server.url}/readyz`)).status;

  for (let n = 0; n < 3; n++) {
    assert.ok((await killAll()) >= 1);
    assert.equal((await api.get('/users/me')).status, 200);
    await api.createSession(`${n}.bin`, 1000);
    assert.equal((await api.get('/folders/0/items')).status, 200);
  }

  // A folder replaces the file, so the database cannot be opened.
  const file = join(dataFolder, 'partway.sqlite');
  await killAll();
  for (const end of ['', '-wal', '-shm']) renameSync(file + end, `${file}${end}.away`);
  mkdirSync(file);
  for (const answer of [await api.get('/users/me'), await api.post('/folders', { name: 'a', parent: { id: '0' } })]) {
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.json.code, 'unavailable');
  }
  await until(async () => (await ready()) === 503);

  rmSync(file, { recursive: true });
  for (const end of ['', '-wal', '-shm']) renameSync(`${file}${end}.away`, file + end);
  await until(async () => (await ready()) === 200);
  const { entries } = (await api.get('/files/upload_sessions')).json;
  assert.equal(entries.length, 3, 'every confirmed session exists');
  await server.stop();
  process.off('worker', onThread);
});

for (const nth of [1, 2, 3]) {
  test(`if thread number ${nth} dies during the start, the start fails with the reason or continues with another thread`, {
    skip: onlySqlite,
  }, async () => {
    let threads = 0;
    const onThread = (thread: Worker) => {
      threads += 1;
      if (threads === nth) thread.once('online', () => void thread.terminate());
    };
    const failures: unknown[] = [];
    const onFailure = (error: unknown) => failures.push(error);
    process.on('worker', onThread);
    process.on('uncaughtException', onFailure);
    const dataFolder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-dead-thread-')));
    const env = {
      PARTWAY_DATA: dataFolder,
      PARTWAY_TOKEN: TOKEN,
      PARTWAY_LISTEN: '127.0.0.1:0',
      PARTWAY_LOG: 'silent',
      // With the native module, a server on S3 starts only two threads.
      ...(bytesNotOnDisk && { PARTWAY_NATIVE: 'off' }),
      ...storageSettings(dataFolder),
    };
    try {
      const server = await startServer(readConfig(env));
      assert.equal((await new Api({ url: server.url, token: TOKEN }).get('/users/me')).status, 200);
      await server.stop();
    } catch (error) {
      assert.match(
        String(error),
        /was not changed: (The database thread ended|The database could not be opened|The database is being reopened)/,
      );
    }
    await until(() => threads >= nth);
    // By now, every event has reached its listener, however far the start got.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('worker', onThread);
    process.off('uncaughtException', onFailure);
    assert.deepEqual(failures, []);
  });
}
