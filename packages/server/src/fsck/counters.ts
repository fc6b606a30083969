import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { Tables, UserRow } from '../database/schema.ts';
import { findItem } from '../files/find.ts';
import { lockTree } from '../files/tree.ts';
import type { FsckContext } from './context.ts';
import { countedItems, countedSpace, type ItemCount } from './counted.ts';
import type { FindingKind } from './findings.ts';

const PAGE = 500;

/** Counts everything from the rows, and holds every counter against that: space of users, sizes and items of folders. */
export async function checkCounters(check: FsckContext): Promise<void> {
  for (const user of await check.db.selectFrom('users').select(['id', 'login']).orderBy('id').execute()) {
    await checkSpace(check, user);
  }
  let after = 0;
  for (;;) {
    const page = await countedItems(check.db, { after: after as ItemId, limit: PAGE });
    for (const item of page) {
      await checkItem(check, item);
      after = item.id;
    }
    if (page.length < PAGE) return;
  }
}

async function checkSpace(check: FsckContext, user: Pick<UserRow, 'id' | 'login'>): Promise<void> {
  const { kept, counted } = await countedSpace(check.db, user.id);
  for (const [column, kind] of [
    ['space_used', 'space_used_off'],
    ['space_reserved', 'space_reserved_off'],
    ['item_count', 'item_count_off'],
  ] as const) {
    if (kept[column] === counted[column]) continue;
    await check.found({
      kind,
      message: `${column} of ${user.login} is ${kept[column]}, and should be ${counted[column]}.`,
      about: { user_id: String(user.id), kept: kept[column], counted: counted[column] },
      mend: () => mendSpace(check.db, user.id, column),
    });
  }
}

/** Skips trees that are being copied or deleted in batches: nobody sees their counters. */
async function checkItem(check: FsckContext, item: ItemCount): Promise<void> {
  for (const [column, kind] of [
    ['size', 'item_size_off'],
    ['child_count', 'child_count_off'],
  ] satisfies ['size' | 'child_count', FindingKind][]) {
    const { kept, counted } = item[column];
    if (kept === counted) continue;
    if ((await findItem(check.db, { kind: item.kind, owner: undefined, id: item.id })) === undefined) return;
    await check.found({
      kind,
      message: `${column} of the ${item.kind} ${item.name} (${item.id}) is ${kept}, and should be ${counted}.`,
      about: { item_id: String(item.id), kept, counted },
      mend: () => mendItem(check.db, item, column),
    });
  }
}

function mendSpace(
  db: Kysely<Tables>,
  id: UserId,
  column: 'space_used' | 'space_reserved' | 'item_count',
): Promise<boolean> {
  return holding(db, id, async (tx) => {
    const { counted } = await countedSpace(tx, id);
    await tx
      .updateTable('users')
      .set({ [column]: counted[column] })
      .where('id', '=', id)
      .execute();
  });
}

function mendItem(db: Kysely<Tables>, { id, owner }: ItemCount, column: 'size' | 'child_count'): Promise<boolean> {
  return holding(db, owner, async (tx) => {
    const [now] = await countedItems(tx, { after: (id - 1) as ItemId, limit: 1 });
    if (now?.id !== id) return;
    await tx
      .updateTable('items')
      .set({ [column]: now[column].counted })
      .where('id', '=', id)
      .execute();
  });
}

/** Counts again with the tree held: nothing moves between the counting and the writing. */
function holding(
  db: Kysely<Tables>,
  owner: UserId,
  mend: (tx: Transaction<Tables>) => Promise<void>,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await lockTree(tx, owner);
    await mend(tx);
    return true;
  });
}
