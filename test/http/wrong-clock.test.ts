import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLOCK_GRACE } from '../../src/clock.ts';
import { readConfig } from '../../src/config.ts';
import { startServer } from '../../src/main.ts';
import { sha1Base64 } from '../support/bytes.ts';
import { leftoverFolder } from '../support/leftovers.ts';
import { dropRows, onlySqlite, openRows, rowsFor } from '../support/rows.ts';
import { TestClock } from '../support/test-clock.ts';
import { until } from '../support/until.ts';

const DAY = 24 * 3_600_000;
const TOKEN = 'token-of-the-wrong-clock-test';
const BYTES = Buffer.alloc(70_000, 'a');

/** A server in this process, on a clock that the test moves. Sweeps come every 10 ms whatever that clock says. */
async function serve(folder: string, clock: TestClock) {
  const config = readConfig({
    PARTWAY_DATA: folder,
    PARTWAY_LISTEN: '127.0.0.1:0',
    PARTWAY_TOKEN: TOKEN,
    PARTWAY_MIN_SESSION_SIZE: '0',
    PARTWAY_PART_SIZE: '65536',
    PARTWAY_SWEEP_INTERVAL: '10ms',
    PARTWAY_LOG: 'silent',
    ...(await rowsFor(folder)),
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

test('a server started before NTP, eight days ahead, keeps every open upload, and its parts', {
  skip: onlySqlite,
}, async () => {
  const folder = leftoverFolder(await mkdtemp(join(tmpdir(), 'partway-clock-')));
  const START = Date.now();
  const before = await serve(folder, new TestClock(START));
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
  const after = await serve(folder, clock);
  const db = await openRows(folder);
  try {
    // A row that the sweep does remove says that it has been through.
    const swept = async () => {
      await db
        .insertInto('used_assertions')
        .values({ client_id: await anApp(db), jti: `swept-${Math.random()}`, expires_at: 0 })
        .execute();
      await until(async () => (await db.selectFrom('used_assertions').selectAll().execute()).length === 0);
    };
    await swept();
    assert.equal((await put(after.call)).status, 200, 'a part that is stored is answered again');
    const parts = await after.call('GET', `/files/upload_sessions/${id}/parts`);
    assert.equal(((await parts.json()) as { total_count: number }).total_count, 1);
    clock.advance(2_500);
    clock.jump(-8 * DAY);
    await swept();
    assert.equal((await after.call('GET', `/files/upload_sessions/${id}`)).status, 200);
    // The machine was off for eight days after all.
    clock.jump(8 * DAY);
    clock.advance(CLOCK_GRACE);
    await until(async () => (await after.call('GET', `/files/upload_sessions/${id}`)).status !== 200);
  } finally {
    await db.destroy();
    await after.server.stop();
    await dropRows(folder);
  }
});

async function anApp(db: Awaited<ReturnType<typeof openRows>>): Promise<string> {
  const app = await db.selectFrom('apps').select('client_id').executeTakeFirst();
  if (app !== undefined) return app.client_id;
  const user = await db.selectFrom('users').select('id').executeTakeFirstOrThrow();
  const made = { client_id: 'swept', name: 'Swept', secret_sha256: '', service_user_id: user.id, created_at: 0 };
  await db
    .insertInto('apps')
    .values({ ...made, as_user: 0 })
    .execute();
  return made.client_id;
}
