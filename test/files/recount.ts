import assert from 'node:assert/strict';
import type { Kysely } from 'kysely';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import type { ItemRow, Tables } from '../../packages/server/src/database/schema.ts';

/** Counts everything from the rows and compares every counter with that: folders, used space, reserved space, items. */
export async function assertCountersRight(db: Kysely<Tables>): Promise<void> {
  const users = await db.selectFrom('users').selectAll().execute();
  const items = await db.selectFrom('items').selectAll().execute();
  const versions = await db.selectFrom('versions').selectAll().execute();
  const below = new Map<ItemId, ItemRow[]>();
  for (const item of items) {
    if (item.parent_id !== null) below.set(item.parent_id, [...(below.get(item.parent_id) ?? []), item]);
  }
  // Items that were trashed on their own do not count in their folder. Items that were trashed with the folder do.
  const listCounted = (folder: ItemRow) =>
    (below.get(folder.id) ?? []).filter((item) => item.trashed_with === null || item.trashed_with !== item.id);
  const computeSize = (item: ItemRow): number =>
    item.kind === 'file'
      ? (versions.find(({ id }) => id === item.version_id)?.size ?? Number.NaN)
      : listCounted(item).reduce((sum, child) => sum + computeSize(child), 0);

  const roots = new Set(users.map(({ root_id: id }) => id));
  const parents = new Map(items.map(({ id, parent_id: parent }) => [id, parent]));
  // A tree that is being copied or deleted in batches is below no root, and its counters are not visible.
  const isShown = (id: ItemId): boolean => {
    const parent = parents.get(id);
    return parent == null ? roots.has(id) : isShown(parent);
  };
  for (const item of items) {
    if (!isShown(item.id)) continue;
    const name = `${item.kind} ${item.name} ${item.id}`;
    assert.equal(item.size, computeSize(item), `size of ${name}`);
    assert.equal(item.child_count, item.kind === 'file' ? 0 : listCounted(item).length, `children of ${name}`);
  }
  const owners = new Map(items.map(({ id, owner_id }) => [id, owner_id]));
  const sessions = await db.selectFrom('upload_sessions').selectAll().where('state', '=', 'open').execute();
  const blobs = await db.selectFrom('unreferenced_blobs').selectAll().execute();
  for (const user of users) {
    const ownVersions = versions.filter((version) => owners.get(version.file_id) === user.id);
    const folders = items.filter(
      ({ owner_id, kind, id }) => owner_id === user.id && kind === 'folder' && id !== user.root_id,
    );
    assert.equal(user.item_count, folders.length + ownVersions.length, `items of ${user.login}`);
    assert.equal(user.space_used, sum(ownVersions.map(({ size }) => size)), `space used by ${user.login}`);
    const open = sessions.filter(({ owner_id }) => owner_id === user.id);
    const arriving = blobs.filter(({ owner_id }) => owner_id === user.id);
    const reserved = sum(open.map((session) => session.file_size)) + sum(arriving.map((blob) => blob.reserved));
    assert.equal(user.space_reserved, reserved, `reserved for ${user.login}`);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
