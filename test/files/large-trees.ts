import { sql } from 'kysely';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { finishTreeJobs } from '../../packages/server/src/auth/users/delete.ts';
import type { ItemRow } from '../../packages/server/src/database/schema.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import type { FileContext } from '../../packages/server/src/files/context.ts';
import { newItemRow } from '../../packages/server/src/files/items.ts';
import { SerialQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { recordStatements } from '../support/record-statements.ts';
import type { FilesFixture } from './files-fixture.ts';

/** Adds empty folders to a folder directly in the database, and updates all counters. Returns their IDs. */
export async function addFolders({ files, owner }: FilesFixture, folderId: ItemId, count: number): Promise<ItemId[]> {
  const rows = Array.from({ length: count }, (_, n) =>
    newItemRow({
      id: newId<ItemId>(),
      kind: 'folder',
      folderId,
      name: `folder ${String(n).padStart(7, '0')}`,
      description: '',
      details: '',
      versionId: null,
      by: owner.id,
      now: 0,
      contentCreatedAt: 0,
      contentModifiedAt: 0,
      size: 0,
    }),
  );
  const { db } = files;
  for (let from = 0; from < count; from += 500) {
    await db
      .insertInto('items')
      .values(rows.slice(from, from + 500))
      .execute();
  }
  await db
    .updateTable('items')
    .set((row) => ({ child_count: row('child_count', '+', count) }))
    .where('id', '=', folderId)
    .execute();
  await db
    .updateTable('users')
    .set((row) => ({ item_count: row('item_count', '+', count) }))
    .where('id', '=', owner.id)
    .execute();
  return rows.map(({ id }) => id);
}

/** Creates a folder with 450 folders. The last one contains 250 more and a file of three bytes. */
export async function createLargeFolder(
  fixture: FilesFixture,
  name = 'large',
): Promise<{ large: ItemRow; inner: ItemId }> {
  const large = await fixture.folder(name);
  const folders = await addFolders(fixture, large.id, 450);
  const inner = folders.at(-1) ?? large.id;
  await addFolders(fixture, inner, 250);
  await fixture.file('deep.txt', { text: 'abc', parent: inner });
  const row = await fixture.files.db
    .selectFrom('items')
    .selectAll()
    .where('id', '=', large.id)
    .executeTakeFirstOrThrow();
  return { large: row, inner };
}

/** The number of items below the folder of `createLargeFolder`. */
export const LARGE = 450 + 250 + 1;

/** A fixture whose long operations call `between` after each batch, before the next one can begin. */
export function betweenBatches(fixture: FilesFixture, between: (batch: number) => Promise<void>): FilesFixture {
  let batches = 0;
  class Watched extends SerialQueue {
    override async run<T>(batch: () => Promise<T>): Promise<T> {
      const result = await super.run(batch);
      batches += 1;
      await between(batches);
      return result;
    }
  }
  return fixture.withFiles({ ...fixture.files, treeBatches: new Watched() });
}

/** Counts the rows that `act` writes, the most rows of one statement, and the statements. */
export async function countWrites(
  files: FileContext,
  act: (watched: FileContext) => Promise<unknown>,
): Promise<{ most: number; all: number; statements: number }> {
  const counts: number[] = [];
  const db = files.db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (result.numAffectedRows !== undefined && result.rows.length === 0) counts.push(Number(result.numAffectedRows));
      return result;
    },
  });
  const sent = await recordStatements(db, (watched) => act({ ...files, db: watched }));
  return { most: Math.max(0, ...counts), all: counts.reduce((sum, count) => sum + count, 0), statements: sent.length };
}

/** Finishes all jobs that were left, as the background job does once every lease has expired. */
export async function finishJobs(fixture: FilesFixture): Promise<number> {
  fixture.clock.advance(3_600_000);
  const { files } = fixture;
  return finishTreeJobs({ files } as unknown as Parameters<typeof finishTreeJobs>[0]);
}

export async function countRows({ files }: FilesFixture): Promise<Record<string, number>> {
  const { rows } = await sql<Record<string, number>>`select (select count(*) from items) as items,
    (select count(*) from versions) as versions, (select count(*) from tree_jobs) as jobs`.execute(files.db);
  return Object.fromEntries(Object.entries(rows[0] ?? {}).map(([name, count]) => [name, Number(count)]));
}
