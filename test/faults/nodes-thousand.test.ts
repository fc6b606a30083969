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
/** It uses both cores for twenty seconds, too much for each test run. */
const elsewhere = process.env.PARTWAY_TEST_DATABASE === undefined && 'run by npm run test:postgres';

after(stopPostgres);

describe('a thousand uploads on two nodes with ten connections each', { skip: noPostgres || elsewhere }, () => {
  it('occupy no connection while their bodies arrive, and all become files', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start(), await nodes.start()];
    const pickNode = (n: number): Node => all[n % all.length] ?? assert.fail();
    const uploads: Upload[] = [];
    await repeatInParallel(UPLOADS, async (n) => {
      uploads[n] = await createUpload(pickNode(n), { partCount: 2 });
    });

    const coming: PartsInProgress[] = [];
    await repeatInParallel(UPLOADS, async (n) => {
      coming[n] = startParts(pickNode(n), uploads[n] ?? assert.fail());
      await coming[n].half();
    });
    // All bodies are being read, so all checks are done; what remains is to wait for the rest of the bodies.
    assert.deepEqual(await busyConnections(pickNode(0).uploads.db), []);
    await repeatInParallel(UPLOADS, async (n) => {
      await coming[n]?.rest();
    });

    assert.ok((await connections(pickNode(0).uploads.db)) <= 2 * 10);
    await repeatInParallel(UPLOADS, async (n) => {
      await commitUpload(pickNode(n + 1), uploads[n] ?? assert.fail());
    });
    const { made } = await pickNode(0)
      .uploads.db.selectFrom('versions')
      .select((of) => of.fn.countAll<number>().as('made'))
      .executeTakeFirstOrThrow();
    assert.equal(made, UPLOADS);
    for (const { errors: troubles } of all) assert.deepEqual(troubles, []);
  });
});

interface PartsInProgress {
  /** Sends half of both, and resolves when both are being read. */
  half(): Promise<void>;
  /** Sends the rest, and resolves when both are stored. */
  rest(): Promise<unknown>;
}

/** Starts both parts of an upload, with bodies that have been started. */
function startParts(node: Node, upload: Upload): PartsInProgress {
  const bodies = [watchBody(createSlowBody()), watchBody(createSlowBody())];
  const parts = bodies.map(({ body }, index) => sendPart(node, upload, index, { body }));
  return {
    half: async () => {
      for (const [index, { body, readStarted }] of bodies.entries()) {
        await readStarted;
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

/** Resolves `asked` when something starts to read the body. */
function watchBody(body: SlowBody): { body: SlowBody; readStarted: Promise<void> } {
  const { promise: readStarted, resolve } = Promise.withResolvers<void>();
  const read = body[Symbol.asyncIterator];
  return {
    readStarted: readStarted,
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

/** Repeats an action `times` times, twenty in parallel. */
async function repeatInParallel(times: number, act: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < times) await act(next++);
  };
  await Promise.all(Array.from({ length: 20 }, worker));
}
