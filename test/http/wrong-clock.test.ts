import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createToken } from '../../packages/server/src/auth/tokens/create.ts';
import { readConfig } from '../../packages/server/src/config/config.ts';
import { findLatestTime } from '../../packages/server/src/database/time.ts';
import { startServer } from '../../packages/server/src/server.ts';
import { CLOCK_GRACE } from '../../packages/server/src/time/clock.ts';
import { sha1Base64 } from '../support/bytes.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { TestClock } from '../support/test-clock.ts';
import { dropTestDatabase, ensureDatabase, onlySqlite, openTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { waitForCleanup } from '../support/wait-for-cleanup.ts';

const DAY = 24 * 3_600_000;
const TOKEN = 'token-of-the-wrong-clock-test';
const BYTES = Buffer.alloc(70_000, 'a');

/**
 * A server in this process, on a clock that the test controls. Background jobs run every 10 ms, whatever that clock
 * says.
 */
async function startOnClock(folder: string, clock: TestClock) {
  const config = readConfig({
    PARTWAY_DATA: folder,
    PARTWAY_LISTEN: '127.0.0.1:0',
    PARTWAY_TOKEN: TOKEN,
    PARTWAY_MIN_SESSION_SIZE: '0',
    PARTWAY_PART_SIZE: '65536',
    PARTWAY_SWEEP_INTERVAL: '10ms',
    PARTWAY_LOG: 'silent',
    ...(await ensureDatabase(folder)),
  });
  const server = await startServer(config, clock);
  const call = (
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ) =>
    fetch(`${server.url}/2.0${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      ...(body !== undefined && { body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body) }),
    });
  return { server, call };
}

test('a server that starts before NTP, eight days ahead, keeps every open upload and its parts', {
  skip: onlySqlite,
}, async () => {
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-clock-')));
  const START = Date.now();
  const before = await startOnClock(folder, new TestClock(START));
  const created = await before.call('POST', '/files/upload_sessions', {
    body: { folder_id: '0', file_size: BYTES.length, file_name: 'a.bin' },
  });
  const { id } = (await created.json()) as { id: string };
  const part = BYTES.subarray(0, 65_536);
  const put = (call: typeof before.call) =>
    call('PUT', `/files/upload_sessions/${id}`, {
      body: part,
      headers: {
        digest: `sha=${sha1Base64(part)}`,
        'content-range': `bytes 0-65535/${BYTES.length}`,
        'content-type': 'application/octet-stream',
      },
    });
  assert.equal((await put(before.call)).status, 200);
  await before.server.stop();

  const clock = new TestClock(START + 8 * DAY);
  const after = await startOnClock(folder, clock);
  const db = await openTestDatabase(folder);
  try {
    await waitForCleanup(db);
    assert.equal((await put(after.call)).status, 200, 'a stored part gets the same response again');
    const parts = await after.call('GET', `/files/upload_sessions/${id}/parts`);
    assert.equal(((await parts.json()) as { total_count: number }).total_count, 1);
    clock.advance(2_500);
    clock.jump(-8 * DAY);
    await waitForCleanup(db);
    assert.equal((await after.call('GET', `/files/upload_sessions/${id}`)).status, 200);
    // The machine really was off for eight days.
    clock.jump(8 * DAY);
    clock.advance(CLOCK_GRACE);
    await until(async () => (await after.call('GET', `/files/upload_sessions/${id}`)).status !== 200);
  } finally {
    await db.destroy();
    await after.server.stop();
    await dropTestDatabase(folder);
  }
});

test('the time is saved while a server runs and when it stops, so that the next start can always compare it', {
  skip: onlySqlite,
}, async () => {
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-clock-')));
  const START = Date.now();
  const clock = new TestClock(START);
  const before = await startOnClock(folder, clock);
  const db = await openTestDatabase(folder);
  try {
    await until(async () => (await findLatestTime(db)) === START);
    clock.advance(120_000);
    await until(async () => (await findLatestTime(db)) === START + 120_000);
    const { login } = await db.selectFrom('users').select('login').executeTakeFirstOrThrow();
    const expiresAt = START + 30 * DAY;
    const { token } = await createToken(db, { login, expiresAt, scope: undefined, resource: undefined });
    clock.advance(30_000);
    await before.server.stop();
    assert.equal(await findLatestTime(db), START + 150_000);

    // There is no upload session whose time could be compared.
    const after = await startOnClock(folder, new TestClock(START + 100 * DAY));
    const me = await fetch(`${after.server.url}/2.0/users/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(me.status, 200);
    await after.server.stop();
  } finally {
    await db.destroy();
    await dropTestDatabase(folder);
  }
});

test('a server that starts before NTP, eight days behind, keeps new uploads until its clock is corrected, even across a restart', {
  skip: onlySqlite,
}, async () => {
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-clock-')));
  const START = Date.now();
  await (await startOnClock(folder, new TestClock(START))).server.stop();
  const db = await openTestDatabase(folder);
  try {
    const sessions: string[] = [];
    const createSession = async ({ call }: Awaited<ReturnType<typeof startOnClock>>) => {
      const created = await call('POST', '/files/upload_sessions', {
        body: { folder_id: '0', file_size: BYTES.length, file_name: `${sessions.length}.bin` },
      });
      sessions.push(((await created.json()) as { id: string }).id);
    };
    const first = await startOnClock(folder, new TestClock(START - 8 * DAY));
    await createSession(first);
    // The time is saved at the end of the first run.
    for (let runs = 0; runs < 2; runs++) await waitForCleanup(db);
    assert.ok(Number(await findLatestTime(db)) >= START);
    await first.server.stop();
    assert.ok(Number(await findLatestTime(db)) >= START);

    const clock = new TestClock(START - 8 * DAY);
    const second = await startOnClock(folder, clock);
    await createSession(second);
    clock.advance(2_500);
    clock.jump(8 * DAY);
    await waitForCleanup(db);
    for (const id of sessions) {
      assert.equal((await second.call('GET', `/files/upload_sessions/${id}`)).status, 200);
    }
    await second.server.stop();
  } finally {
    await db.destroy();
    await dropTestDatabase(folder);
  }
});
