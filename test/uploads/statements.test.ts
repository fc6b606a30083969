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

const SLOTS = 12;

after(stopPostgres);

describe('what an upload asks of the database', { skip: noPostgres }, () => {
  it('is three statements for a part, and one more where a node meets the session for the first time', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const upload = await createUpload(node, { slots: SLOTS });
    for (let index = 0; index < SLOTS; index++) {
      using count = countStatements();
      await sendPart(node, upload, index);
      await passes(node, upload, index, count.statements);
      assert.deepEqual(count.statements.map(kind), [
        ...(index === 0 ? ['select upload_sessions'] : []),
        'insert parts',
        'update parts',
        'update upload_sessions',
      ]);
    }
  });

  it('is the same where every part comes in at another node than the one before', async () => {
    await using nodes = await openNodes();
    const all = [await nodes.start(), await nodes.start()];
    const upload = await createUpload(all[0] ?? assert.fail(), { slots: SLOTS });
    using count = countStatements();
    for (let index = 0; index < SLOTS; index++) {
      const node = all[index % 2] ?? assert.fail();
      await sendPart(node, upload, index);
      await passes(node, upload, index, count.statements);
    }
    assert.equal(count.statements.length, 3 * SLOTS + all.length);
  });

  it('is less for parts that come out of order: the digest takes several at a time', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const upload = await createUpload(node, { slots: SLOTS });
    using count = countStatements();
    for (let index = SLOTS - 1; index >= 0; index--) await sendPart(node, upload, index);
    await passes(node, upload, SLOTS - 1, count.statements);
    assert.ok(count.statements.length < 3 * SLOTS, `${count.statements.length} statements`);
  });

  it('is two statements for a part that is sent again, and none of its bytes is stored', async () => {
    let writes = 0;
    const plan = [{ method: 'writePart' as const, when: 'after' as const, hook: () => writes++ }];
    await using nodes = await openNodes();
    const [one, other] = [await nodes.start({ plan }), await nodes.start({ plan })];
    const upload = await createUpload(one);
    await sendPart(one, upload, 0);
    await sendPart(other, upload, 1);
    await passes(one, upload, 1, []);
    using count = countStatements();
    await sendPart(one, upload, 0);
    assert.deepEqual(count.statements.splice(0).map(kind), ['select parts']);
    await sendPart(other, upload, 0);
    assert.deepEqual(count.statements.map(kind), ['insert parts', 'select parts']);
    assert.equal(writes, 2);
  });

  it('is a fixed number of statements for its beginning and its end, however many parts it has', async () => {
    await using nodes = await openNodes();
    const node = await nodes.start();
    const counted = [];
    for (const slots of [2, 40]) {
      using beginning = countStatements();
      const upload = await createUpload(node, { slots });
      const begun = beginning.statements.splice(0).length;
      for (let index = 0; index < slots; index++) await sendPart(node, upload, index);
      await passes(node, upload, slots - 1, []);
      beginning.statements.length = 0;
      await commitUpload(node, upload);
      // Less the one by which the test lists the parts that it commits.
      counted.push([begun, beginning.statements.length - 1]);
    }
    assert.deepEqual(counted, [
      [11, 11],
      [11, 11],
    ]);
  });

  it('wakes the one node that has the next part, and none where that is the same', async () => {
    await using nodes = await openNodes();
    const [one, other, idle] = [await nodes.start(), await nodes.start(), await nodes.start()];
    await using listener = Object.assign(new PostgresListener(nodes.url), {
      async [Symbol.asyncDispose]() {
        await listener.close();
      },
    });
    const heard: string[] = [];
    for (const [name, node] of Object.entries({ one, other, idle })) {
      const ready = Promise.withResolvers<void>();
      listener.listen(channelFor(node.id), { onPayload: () => heard.push(name), onReconnect: ready.resolve });
      await ready.promise;
    }
    const upload = await createUpload(one, { slots: 6 });
    for (const index of [5, 2, 1]) await sendPart(one, upload, index);
    for (const index of [4, 3]) await sendPart(other, upload, index);
    assert.deepEqual(heard, []);
    await sendPart(one, upload, 0);
    await passes(one, upload, 5, []);
    await until(() => heard.length >= 2);
    assert.deepEqual(heard, ['other', 'one']);
  });
});

/** Waits until the digest has passed a slot, without a trace in the count. */
async function passes(node: Node, { session }: Upload, slot: number, statements: string[]): Promise<void> {
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

/** What a statement does to which table. */
function kind(statement: string): string {
  const [, verb, table] =
    /^(select) .*? from "(\w+)"/.exec(statement) ??
    /^(insert|update|delete) (?:into |from )?"(\w+)"/.exec(statement) ??
    [];
  return verb === undefined ? statement : `${verb} ${table}`;
}
