import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { notify, PostgresListener } from '../../packages/server/src/database/postgres/listener.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { noPostgres, type Postgres, startPostgres } from '../engines/postgres.ts';
import { startTcpProxy } from '../engines/tcp-proxy.ts';

describe('notifications between nodes', { skip: noPostgres, timeout: 600_000 }, () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server[Symbol.asyncDispose]());

  it('arrive at every node when the transaction has been committed, and never otherwise', async () => {
    const db = openPostgres(server.url);
    const nodes = [await openListener(server.url), await openListener(server.url)];
    await db.transaction().execute(async (tx) => {
      await notify(tx, 'parts', 'in time');
      await settle();
      for (const node of nodes) assert.deepEqual(node.received, []);
    });
    await assert.rejects(
      db.transaction().execute(async (tx) => {
        await notify(tx, 'parts', 'never');
        throw new Error('rolled back');
      }),
      /rolled back/,
    );
    await notify(db, 'other', 'not asked for');
    await notify(db, 'parts', 'last');
    for (const node of nodes) {
      await node.untilReceived('last');
      assert.deepEqual(node.received, ['in time', 'last']);
      await node.postgresListener.close();
    }
    await db.destroy();
  });

  it('support new channels and listeners at any time, with any name, and leave those that stop', async () => {
    const db = openPostgres(server.url);
    const { postgresListener } = await openListener(server.url);
    const name = 'Odd "name"; drop table parts';
    const second = await listen(postgresListener, name);
    const third = await listen(postgresListener, name);
    await notify(db, name, 'a');
    await Promise.all([second.untilReceived('a'), third.untilReceived('a')]);
    second.stop();
    await notify(db, name, 'b');
    await third.untilReceived('b');
    assert.deepEqual(second.received, ['a']);
    await postgresListener.close();
    await db.destroy();
  });

  it('are received again after PostgreSQL was restarted, killed or closed the connection, with a hint that some may be missing', async () => {
    const faults: Record<string, () => Promise<void>> = {
      restarted: async () => {
        await server.stop();
        await server.start();
      },
      killed: async () => {
        await server.kill();
        await server.start();
      },
      'its connection ended': async () => {
        const db = openPostgres(server.url);
        await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'partway listener'`.execute(
          db,
        );
        await db.destroy();
      },
    };
    const node = await openListener(server.url);
    for (const [fault, happens] of Object.entries(faults)) {
      const reconnects = node.reconnects();
      await happens();
      await node.untilReconnect(reconnects + 1);
      const db = openPostgres(server.url);
      await notify(db, 'parts', fault);
      await node.untilReceived(fault);
      await db.destroy();
    }
    assert.ok(node.errors.length >= 3);
    await node.postgresListener.close();
  });

  it('detect a dead connection', async () => {
    await using line = await startTcpProxy(Number(new URL(server.url).port));
    const url = Object.assign(new URL(server.url), { port: String(line.port) }).href;
    const node = await openListener(url, { heartbeat: 200 });
    line.freeze();
    const db = openPostgres(server.url);
    await notify(db, 'parts', 'missed');
    await node.untilReconnect(2);
    await notify(db, 'parts', 'heard');
    await node.untilReceived('heard');
    assert.deepEqual(node.received, ['heard']);
    await node.postgresListener.close();
    await db.destroy();
  });

  it('wait for a PostgreSQL that is not reachable yet, and stop waiting when the listener is closed', async () => {
    const errors: unknown[] = [];
    const listener = new PostgresListener('postgres://nobody@127.0.0.1:1/nothing', {
      onError: (error) => errors.push(error),
    });
    listener.listen('parts', { onPayload: () => {}, onReconnect: () => assert.fail('nothing can be heard there') });
    const began = performance.now();
    while (errors.length < 3) await settle();
    assert.ok(performance.now() - began > 100, 'it retries without a pause');
    await listener.close();
    const before = errors.length;
    await settle();
    assert.equal(errors.length, before);
  });

  it('continue when a listener fails, with an error report', async () => {
    const db = openPostgres(server.url);
    const node = await openListener(server.url);
    node.postgresListener.listen('parts', {
      onPayload: () => {
        throw new Error('a listener failed');
      },
      onReconnect: () => {},
    });
    await notify(db, 'parts', 'a');
    await notify(db, 'parts', 'b');
    await node.untilReceived('b');
    while (node.errors.length === 0) await settle();
    assert.match(String(node.errors[0]), /a listener failed/);
    await node.postgresListener.close();
    await db.destroy();
  });
});

/** Waits for messages to arrive. This alone proves nothing. */
function settle(): Promise<void> {
  return sleep(20);
}

async function openListener(url: string, options: { heartbeat?: number } = {}) {
  const errors: unknown[] = [];
  const postgresListener = new PostgresListener(url, { ...options, onError: (error) => errors.push(error) });
  return { postgresListener: postgresListener, errors: errors, ...(await listen(postgresListener, 'parts')) };
}

/** Listens, and resolves when the channel is active. */
async function listen(listener: PostgresListener, channel: string) {
  const received: string[] = [];
  let reconnects = 0;
  const stop = listener.listen(channel, {
    onPayload: (payload) => received.push(payload),
    onReconnect: () => {
      reconnects += 1;
    },
  });
  const untilReconnect = async (which: number) => {
    while (reconnects < which) await settle();
  };
  await untilReconnect(1);
  return {
    received: received,
    stop,
    reconnects: () => reconnects,
    untilReconnect: untilReconnect,
    async untilReceived(payload: string) {
      while (!received.includes(payload)) await settle();
    },
  };
}
