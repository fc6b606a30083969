import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { PostgresListener } from '../../packages/server/src/database/postgres/listener.ts';
import { findHashCheckpoint } from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { channelFor } from '../../packages/server/src/uploads/hashing/node-messages.ts';
import { stopPostgres } from '../database/postgres-database.ts';
import { noPostgres } from '../engines/postgres.ts';
import { countStatements } from '../support/count-statements.ts';
import { until } from '../support/until.ts';
import { type Node, openNodes } from './nodes.ts';
import { commitUpload, createUpload, sendPart, type Upload } from './upload-steps.ts';

const PARTS = 12;

after(stopPostgres);

describe('database statements of an upload', { skip: noPostgres }, () => {
  it('are three for a part, and one more when a node gets a request for the session for the first time', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const upload = await createUpload(node, { partCount: PARTS });
    for (let index = 0; index < PARTS; index++) {
      using count = countStatements();
      await sendPart(node, upload, index);
      await waitUntilHashed(node, upload, index, count.statements);
      assert.deepEqual(count.statements.map(kind), [
        ...(index === 0 ? ['select upload_sessions'] : []),
        'insert parts',
        'update parts',
        'update upload_sessions',
      ]);
    }
  });

  it('are the same if every part arrives at another node than the one before', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(all[0] ?? assert.fail(), { partCount: PARTS });
    using count = countStatements();
    for (let index = 0; index < PARTS; index++) {
      const node = all[index % 2] ?? assert.fail();
      await sendPart(node, upload, index);
      await waitUntilHashed(node, upload, index, count.statements);
    }
    assert.equal(count.statements.length, 3 * PARTS + all.length);
  });

  it('are fewer for parts out of order, because the hasher processes several at a time', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const upload = await createUpload(node, { partCount: PARTS });
    using count = countStatements();
    for (let index = PARTS - 1; index >= 0; index--) await sendPart(node, upload, index);
    await waitUntilHashed(node, upload, PARTS - 1, count.statements);
    assert.ok(count.statements.length < 3 * PARTS, `${count.statements.length} statements`);
  });

  it('are two for a part that is sent again, and none of its bytes are stored', async () => {
    let writes = 0;
    const plan = [{ method: 'writePart' as const, when: 'after' as const, hook: () => writes++ }];
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start({ plan }), await nodes.start({ plan })];
    const upload = await createUpload(one);
    await sendPart(one, upload, 0);
    await sendPart(other, upload, 1);
    await waitUntilHashed(one, upload, 1, []);
    using count = countStatements();
    await sendPart(one, upload, 0);
    assert.deepEqual(count.statements.splice(0).map(kind), ['select parts']);
    await sendPart(other, upload, 0);
    assert.deepEqual(count.statements.map(kind), ['insert parts', 'select parts']);
    assert.equal(writes, 2);
  });

  it('have a fixed number for the start and the end, however many parts there are', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const counted = [];
    for (const slots of [2, 40]) {
      using beginning = countStatements();
      const upload = await createUpload(node, { partCount: slots });
      const begun = beginning.statements.splice(0).length;
      for (let index = 0; index < slots; index++) await sendPart(node, upload, index);
      await waitUntilHashed(node, upload, slots - 1, []);
      beginning.statements.length = 0;
      await commitUpload(node, upload);
      // Without the one with which the test lists the parts to commit.
      counted.push([begun, beginning.statements.length - 1]);
    }
    assert.deepEqual(counted, [
      [11, 11],
      [11, 11],
    ]);
  });

  it('notify only the node that has the next part, and none if that is the same node', async () => {
    await using nodes = await openNodes();
    const [one, other, idle] = [await nodes.start(), await nodes.start(), await nodes.start()];
    await using listener = Object.assign(new PostgresListener(nodes.url), {
      async [Symbol.asyncDispose]() {
        await listener.close();
      },
    });
    const notified: string[] = [];
    for (const [name, node] of Object.entries({ one, other, idle })) {
      const ready = Promise.withResolvers<void>();
      listener.listen(channelFor(node.id), { onPayload: () => notified.push(name), onReconnect: ready.resolve });
      await ready.promise;
    }
    const upload = await createUpload(one, { partCount: 6 });
    for (const index of [5, 2, 1]) await sendPart(one, upload, index);
    for (const index of [4, 3]) await sendPart(other, upload, index);
    assert.deepEqual(notified, []);
    await sendPart(one, upload, 0);
    await waitUntilHashed(one, upload, 5, []);
    await until(() => notified.length >= 2);
    assert.deepEqual(notified, ['other', 'one']);
  });
});

/** Waits until a part has been hashed, without affecting the count. */
async function waitUntilHashed(node: Node, { session }: Upload, slot: number, statements: string[]): Promise<void> {
  await until(async () => {
    assert.deepEqual(node.errors, []);
    const checkpoint = await findHashCheckpoint(node.uploads.db, session.id);
    statements.splice(
      statements.findLastIndex((statement) => statement.includes('"next_node" from "upload_sessions"')),
      1,
    );
    return checkpoint !== undefined && checkpoint.parts > slot;
  });
}

/** The operation and table of a statement. */
function kind(statement: string): string {
  const [, verb, table] =
    /^(select) .*? from "(\w+)"/.exec(statement) ??
    /^(insert|update|delete) (?:into |from )?"(\w+)"/.exec(statement) ??
    [];
  return verb === undefined ? statement : `${verb} ${table}`;
}
