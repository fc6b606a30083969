import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { createSlowBody, type SlowBody } from '../uploads/bodies.ts';
import { type Node, openNodes } from '../uploads/nodes.ts';
import { commitUpload, createUpload, partBytes, sendPart, type Upload } from '../uploads/upload-steps.ts';

const UPLOADS = 1_000;
/** It takes both cores for twenty seconds, which is too much for what is run at every change. */
const elsewhere = process.env.PARTWAY_TEST_DATABASE === undefined && 'run by npm run test:postgres';

after(stopPostgres);

describe('a thousand uploads at two nodes of ten connections each', { skip: noPostgres || elsewhere }, () => {
  it('hold none of them while their bodies come in, and all become files', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start(), await nodes.start()];
    const nodeOf = (n: number): Node => all[n % all.length] ?? assert.fail();
    const uploads: Upload[] = [];
    await inTurns(UPLOADS, async (n) => {
      uploads[n] = await createUpload(nodeOf(n), { partCount: 2 });
    });

    const coming: PartsOnTheWay[] = [];
    await inTurns(UPLOADS, async (n) => {
      coming[n] = partsOnTheWay(nodeOf(n), uploads[n] ?? assert.fail());
      await coming[n].half();
    });
    // Every body has been asked for, so that all checks are done; what is left is to wait for the rest of it.
    assert.deepEqual(await busyConnections(nodeOf(0).uploads.db), []);
    await inTurns(UPLOADS, async (n) => {
      await coming[n]?.rest();
    });

    assert.ok((await connections(nodeOf(0).uploads.db)) <= 2 * 10);
    await inTurns(UPLOADS, async (n) => {
      await commitUpload(nodeOf(n + 1), uploads[n] ?? assert.fail());
    });
    const { made } = await nodeOf(0)
      .uploads.db.selectFrom('versions')
      .select((of) => of.fn.countAll<number>().as('made'))
      .executeTakeFirstOrThrow();
    assert.equal(made, UPLOADS);
    for (const { errors: troubles } of all) assert.deepEqual(troubles, []);
  });
});

interface PartsOnTheWay {
  /** Sends half of both, and resolves once both are being read. */
  half(): Promise<void>;
  /** Sends the rest, and resolves once both are stored. */
  rest(): Promise<unknown>;
}

/** Both parts of an upload, in bodies that have begun. */
function partsOnTheWay(node: Node, upload: Upload): PartsOnTheWay {
  const bodies = [watched(createSlowBody()), watched(createSlowBody())];
  const parts = bodies.map(({ body }, index) => sendPart(node, upload, index, { body }));
  return {
    half: async () => {
      for (const [index, { body, asked }] of bodies.entries()) {
        await asked;
        body.send(partBytes(upload, index).subarray(0, 50));
      }
    },
    rest: () => {
      for (const [index, { body }] of bodies.entries()) {
        body.send(partBytes(upload, index).subarray(50));
        body.end();
      }
      return Promise.all(parts);
    },
  };
}

/** Says when somebody begins to read the body. */
function watched(body: SlowBody): { body: SlowBody; asked: Promise<void> } {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const read = body[Symbol.asyncIterator];
  return {
    asked,
    body: Object.assign(body, {
      [Symbol.asyncIterator]: () => {
        resolve();
        return read();
      },
    }),
  };
}

async function busyConnections(db: Kysely<Tables>): Promise<unknown[]> {
  const { rows } = await sql`select state, query from pg_stat_activity
    where datname = current_database() and application_name = 'partway' and pid <> pg_backend_pid() and state <> 'idle'`.execute(
    db,
  );
  return rows;
}

async function connections(db: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from pg_stat_activity
    where datname = current_database() and application_name = 'partway'`.execute(db);
  return rows[0]?.n ?? assert.fail();
}

/** Does something `times` times, twenty at once. */
async function inTurns(times: number, act: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < times) await act(next++);
  };
  await Promise.all(Array.from({ length: 20 }, worker));
}
