import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Probe, Readiness } from '../../packages/server/src/http/routes/readiness.ts';
import { startServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';

test('a running server is ready and lists its checks', async () => {
  await using server = await startServer();
  const answer = await fetch(`${server.url}/readyz`);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), {
    status: 'ok',
    checks: { database: 'ok', ...(bytesNotOnDisk && { storage: 'ok' }) },
  });
});

test('a server that is told to stop first becomes unready, and keeps serving until its delay is over', async () => {
  await using server = await startServer({ env: { PARTWAY_SHUTDOWN_DELAY: '10m' } });
  const stopped = server.stop();
  for (;;) {
    const { status, headers } = await fetch(`${server.url}/readyz`);
    if (status === 200) continue;
    assert.equal(status, 503);
    assert.equal(headers.get('retry-after'), '1');
    break;
  }
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  await server.kill();
  await stopped;
});

test('a server is ready only if every probe succeeds, and names the probes that fail', async () => {
  const errors: string[] = [];
  const fails: Probe = { name: 'store', check: () => Promise.reject(new Error('gone')) };
  const works: Probe = { name: 'database', check: async () => {} };
  const readiness = new Readiness([works, fails], { maxAge: 0, onError: (probe) => errors.push(probe) });
  assert.deepEqual(await readiness.verdict(), { ready: false, checks: { database: 'ok', store: 'failed' } });
  await sleep(2);
  assert.equal((await readiness.verdict()).ready, false);
  assert.deepEqual(errors, ['store'], 'an error is reported once, not for each request');
});

test('a probe runs once at a time, however many requests there are', async () => {
  let asked = 0;
  const readiness = new Readiness([{ name: 'database', check: async () => ++asked }], { maxAge: 60_000 });
  await Promise.all(Array.from({ length: 100 }, () => readiness.verdict()));
  assert.equal(asked, 1);
});

test('a probe that never finishes fails after a timeout', async () => {
  const never: Probe = { name: 'database', check: () => new Promise(() => {}) };
  const readiness = new Readiness([never], { timeout: 20 });
  assert.deepEqual(await readiness.verdict(), { ready: false, checks: { database: 'failed' } });
});
