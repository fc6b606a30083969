import type { Transaction } from 'kysely';
import type { ItemId, Millis, UserId, VersionId } from '../api/ids.ts';
import { newId } from '../sql/new-id.ts';
import type { ItemKind, ItemRow, Tables, VersionRow } from '../sql/tables.ts';
import { findVersions } from './find-versions.ts';

/** Rows a statement; twenty-one parameters each is well below what any database takes. */
const BATCH = 500;

interface Pair {
  from: ItemId;
  to: ItemId;
}

interface Stamp {
  by: UserId;
  now: Millis;
}

/**
 * Copies everything below a folder into a new one, folder by folder and page by page, so that memory holds a page and
 * the ids of folders. Both trees are held, and the new one does not lie in the old. Counters are copied with the rows.
 */
export async function copyBelow(tx: Transaction<Tables>, top: Pair, stamp: Stamp): Promise<void> {
  const folders = [top];
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const kind of ['folder', 'file'] as const) {
      for await (const page of pagesOf(tx, next.from, kind))
        folders.push(...(await copyPage(tx, page, next.to, stamp)));
    }
  }
}

async function* pagesOf(tx: Transaction<Tables>, folderId: ItemId, kind: ItemKind): AsyncGenerator<ItemRow[]> {
  for (let after = 0, more = true; more; ) {
    const page = await tx
      .selectFrom('items')
      .selectAll()
      .where('parent_id', '=', folderId)
      .where('kind', '=', kind)
      .where('id', '>', after as ItemId)
      .where('trashed_at', 'is', null)
      .orderBy('id')
      .limit(BATCH)
      .execute();
    if (page.length > 0) yield page;
    more = page.length === BATCH;
    after = page.at(-1)?.id ?? after;
  }
}

/** Copies these items into a folder; gives the folders among them, which are still empty. */
async function copyPage(tx: Transaction<Tables>, page: ItemRow[], folderId: ItemId, stamp: Stamp): Promise<Pair[]> {
  const versions = await findVersions(tx, page);
  const folders: Pair[] = [];
  const items: ItemRow[] = [];
  const copies: VersionRow[] = [];
  for (const item of page) {
    const id = newId<ItemId>();
    const version = versions.get(item.id);
    const copy = version && copyOfVersion(version, { id, name: item.name }, stamp);
    items.push(copyOfItem(item, { id, folderId, versionId: copy?.id ?? null }, stamp));
    if (copy !== undefined) copies.push(copy);
    if (item.kind === 'folder') folders.push({ from: item.id, to: id });
  }
  await tx.insertInto('items').values(items).execute();
  if (copies.length > 0) await tx.insertInto('versions').values(copies).execute();
  return folders;
}

function copyOfItem(
  item: ItemRow,
  { id, folderId, versionId }: { id: ItemId; folderId: ItemId; versionId: VersionId | null },
  { by, now }: Stamp,
): ItemRow {
  const made = { created_at: now, created_by: by, modified_at: now, modified_by: by };
  return { ...item, ...made, id, parent_id: folderId, version_id: versionId, etag: 0 };
}

function copyOfVersion(
  version: VersionRow,
  { id, name }: { id: ItemId; name: string },
  { by, now }: Stamp,
): VersionRow {
  const made = { id: newId<VersionId>(), file_id: id, name, number: 1, created_at: now, created_by: by };
  return { ...version, ...made, trashed_at: null, trashed_by: null, restored_at: null, restored_by: null };
}
