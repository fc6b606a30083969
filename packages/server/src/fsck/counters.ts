import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { Tables, UserRow } from '../database/schema.ts';
import { findItem } from '../files/find.ts';
import { lockTree } from '../files/tree.ts';
import type { FsckContext } from './context.ts';
import { countItems, countSpace, type ItemCount } from './counted.ts';
import type { FindingKind } from './findings.ts';

const PAGE = 500;

/** Compares all stored counters with the rows: the space and items of users, and the sizes and items of folders. */
export async function checkCounters(context: FsckContext): Promise<void> {
  for (const user of await context.db.selectFrom('users').select(['id', 'login']).orderBy('id').execute()) {
    await checkSpace(context, user);
  }
  let after = 0;
  for (;;) {
    const page = await countItems(context.db, { after: after as ItemId, limit: PAGE });
    for (const item of page) {
      await checkItem(context, item);
      after = item.id;
    }
    if (page.length < PAGE) return;
  }
}

async function checkSpace(context: FsckContext, user: Pick<UserRow, 'id' | 'login'>): Promise<void> {
  const { stored, counted } = await countSpace(context.db, user.id);
  for (const [column, kind] of [
    ['space_used', 'space_used_off'],
    ['space_reserved', 'space_reserved_off'],
    ['item_count', 'item_count_off'],
  ] as const) {
    if (stored[column] === counted[column]) continue;
    await context.found({
      kind,
      message: `${column} of ${user.login} is ${stored[column]}, but should be ${counted[column]}.`,
      about: { user_id: String(user.id), stored: stored[column], counted: counted[column] },
      repair: () => repairSpace(context.db, user.id, column),
    });
  }
}

/** Skips trees that are being copied or deleted in batches, because their counters are invisible. */
async function checkItem(context: FsckContext, item: ItemCount): Promise<void> {
  for (const [column, kind] of [
    ['size', 'item_size_off'],
    ['child_count', 'child_count_off'],
  ] satisfies ['size' | 'child_count', FindingKind][]) {
    const { stored, counted } = item[column];
    if (stored === counted) continue;
    if ((await findItem(context.db, { kind: item.kind, owner: undefined, id: item.id })) === undefined) return;
    await context.found({
      kind,
      message: `${column} of the ${item.kind} ${item.name} (${item.id}) is ${stored}, but should be ${counted}.`,
      about: { item_id: String(item.id), stored, counted },
      repair: () => repairItem(context.db, item, column),
    });
  }
}

function repairSpace(
  db: Kysely<Tables>,
  id: UserId,
  column: 'space_used' | 'space_reserved' | 'item_count',
): Promise<boolean> {
  return withLockedTree(db, id, async (tx) => {
    const { counted } = await countSpace(tx, id);
    await tx
      .updateTable('users')
      .set({ [column]: counted[column] })
      .where('id', '=', id)
      .execute();
  });
}

function repairItem(db: Kysely<Tables>, { id, owner }: ItemCount, column: 'size' | 'child_count'): Promise<boolean> {
  return withLockedTree(db, owner, async (tx) => {
    const [item] = await countItems(tx, { after: (id - 1) as ItemId, limit: 1 });
    if (item?.id !== id) return;
    await tx
      .updateTable('items')
      .set({ [column]: item[column].counted })
      .where('id', '=', id)
      .execute();
  });
}

/** Runs a repair, which counts again, with the tree locked, so that nothing changes between counting and writing. */
function withLockedTree(
  db: Kysely<Tables>,
  owner: UserId,
  repair: (tx: Transaction<Tables>) => Promise<void>,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await lockTree(tx, owner);
    await repair(tx);
    return true;
  });
}
