import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { notify, PostgresListener } from '../../packages/server/src/database/postgres/listener.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { noPostgres, type Postgres, startPostgres } from '../engines/postgres.ts';
import { tcpLine } from '../engines/tcp-line.ts';

describe('the bell between nodes', { skip: noPostgres, timeout: 600_000 }, () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server[Symbol.asyncDispose]());

  it('rings on every node once the transaction has ended well, and never where it has not', async () => {
    const db = openPostgres(server.url);
    const nodes = [await listener(server.url), await listener(server.url)];
    await db.transaction().execute(async (tx) => {
      await notify(tx, 'parts', 'in time');
      await settle();
      for (const node of nodes) assert.deepEqual(node.heard, []);
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
      await node.untilHeard('last');
      assert.deepEqual(node.heard, ['in time', 'last']);
      await node.bell.close();
    }
    await db.destroy();
  });

  it('takes more channels and listeners at any time, by any name, and leaves those that stop', async () => {
    const db = openPostgres(server.url);
    const { bell } = await listener(server.url);
    const name = 'Odd "name"; drop table parts';
    const second = await listen(bell, name);
    const third = await listen(bell, name);
    await notify(db, name, 'a');
    await Promise.all([second.untilHeard('a'), third.untilHeard('a')]);
    second.stop();
    await notify(db, name, 'b');
    await third.untilHeard('b');
    assert.deepEqual(second.heard, ['a']);
    await bell.close();
    await db.destroy();
  });

  it('listens again after PostgreSQL was restarted, killed or has ended its connection, and says what may be missing', async () => {
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
    const node = await listener(server.url);
    for (const [fault, happens] of Object.entries(faults)) {
      const gaps = node.gaps();
      await happens();
      await node.untilGap(gaps + 1);
      const db = openPostgres(server.url);
      await notify(db, 'parts', fault);
      await node.untilHeard(fault);
      await db.destroy();
    }
    assert.ok(node.troubles.length >= 3);
    await node.bell.close();
  });

  it('notices a line that is dead and says nothing', async () => {
    await using line = await tcpLine(Number(new URL(server.url).port));
    const url = Object.assign(new URL(server.url), { port: String(line.port) }).href;
    const node = await listener(url, { pulse: 200 });
    line.freeze();
    const db = openPostgres(server.url);
    await notify(db, 'parts', 'missed');
    await node.untilGap(2);
    await notify(db, 'parts', 'heard');
    await node.untilHeard('heard');
    assert.deepEqual(node.heard, ['heard']);
    await node.bell.close();
    await db.destroy();
  });

  it('waits for a PostgreSQL that is not there yet, and stops waiting when it is closed', async () => {
    const troubles: unknown[] = [];
    const listener = new PostgresListener('postgres://nobody@127.0.0.1:1/nothing', {
      onError: (error) => troubles.push(error),
    });
    listener.listen('parts', { onPayload: () => {}, onReconnect: () => assert.fail('nothing can be heard there') });
    const began = performance.now();
    while (troubles.length < 3) await settle();
    assert.ok(performance.now() - began > 100, 'it tries again without a pause');
    await listener.close();
    const before = troubles.length;
    await settle();
    assert.equal(troubles.length, before);
  });

  it('goes on when a listener fails, and tells of it', async () => {
    const db = openPostgres(server.url);
    const node = await listener(server.url);
    node.bell.listen('parts', {
      onPayload: () => {
        throw new Error('a listener failed');
      },
      onReconnect: () => {},
    });
    await notify(db, 'parts', 'a');
    await notify(db, 'parts', 'b');
    await node.untilHeard('b');
    while (node.troubles.length === 0) await settle();
    assert.match(String(node.troubles[0]), /a listener failed/);
    await node.bell.close();
    await db.destroy();
  });
});

/** Lets what is on its way arrive. Proves nothing by itself. */
function settle(): Promise<void> {
  return sleep(20);
}

async function listener(url: string, options: { pulse?: number } = {}) {
  const troubles: unknown[] = [];
  const bell = new PostgresListener(url, { ...options, onError: (error) => troubles.push(error) });
  return { bell, troubles, ...(await listen(bell, 'parts')) };
}

/** Listens, and resolves once the channel is heard. */
async function listen(listener: PostgresListener, channel: string) {
  const heard: string[] = [];
  let gaps = 0;
  const stop = listener.listen(channel, {
    onPayload: (payload) => heard.push(payload),
    onReconnect: () => {
      gaps += 1;
    },
  });
  const untilGap = async (which: number) => {
    while (gaps < which) await settle();
  };
  await untilGap(1);
  return {
    heard,
    stop,
    gaps: () => gaps,
    untilGap,
    async untilHeard(payload: string) {
      while (!heard.includes(payload)) await settle();
    },
  };
}
