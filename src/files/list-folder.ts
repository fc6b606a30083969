import type { Kysely } from 'kysely';
import type { ItemRow, Tables } from '../sql/tables.ts';
import { type FileEntry, type FolderEntry, findPath, findUsers } from './find.ts';
import { findVersions } from './find-versions.ts';

/** After which item a page begins. Plain data, which goes out and comes back as the wire's `marker`. */
export type Marker = Pick<ItemRow, 'kind' | 'name_key'>;

export type Listed = FileEntry | FolderEntry;

/** Items `offset` to `offset + limit - 1` of a folder, folders first, then by name; and how many there are in all. */
export async function listByOffset(
  db: Kysely<Tables>,
  folder: ItemRow,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ entries: Listed[]; total: number }> {
  const rows = await inOrder(db, folder).offset(offset).limit(limit).execute();
  const { total } = await db
    .selectFrom('items')
    .select(({ fn }) => fn.countAll().as('total'))
    .where('parent_id', '=', folder.id)
    .where('trashed_at', 'is', null)
    .executeTakeFirstOrThrow();
  return { entries: await describeAll(db, folder, rows), total: Number(total) };
}

/**
 * The first `limit` items of a folder after `marker`, in the same order; `next` where more follow. What comes and goes
 * in the folder meanwhile neither repeats nor hides other items.
 */
export async function listByMarker(
  db: Kysely<Tables>,
  folder: ItemRow,
  { marker, limit }: { marker: Marker | undefined; limit: number },
): Promise<{ entries: Listed[]; next: Marker | undefined }> {
  const rows = await rowsAfter(db, folder, marker, limit + 1);
  const page = rows.slice(0, limit);
  return { entries: await describeAll(db, folder, page), next: rows.length > limit ? page.at(-1) : undefined };
}

/** Two seeks in the index rather than one condition with an "or" in it, which would scan the folder for each page. */
async function rowsAfter(
  db: Kysely<Tables>,
  folder: ItemRow,
  marker: Marker | undefined,
  count: number,
): Promise<ItemRow[]> {
  if (marker === undefined) return inOrder(db, folder).limit(count).execute();
  const sameKind = await inOrder(db, folder)
    .where('kind', '=', marker.kind)
    .where('name_key', '>', marker.name_key)
    .limit(count)
    .execute();
  if (marker.kind === 'file' || sameKind.length === count) return sameKind;
  const files = await inOrder(db, folder)
    .where('kind', '=', 'file')
    .limit(count - sameKind.length)
    .execute();
  return [...sameKind, ...files];
}

/** "folder" comes before "file" because kinds run backwards; a name is there once, so the order is total. */
function inOrder(db: Kysely<Tables>, folder: ItemRow) {
  return db
    .selectFrom('items')
    .selectAll()
    .where('parent_id', '=', folder.id)
    .where('trashed_at', 'is', null)
    .orderBy('kind', 'desc')
    .orderBy('name_key');
}

async function describeAll(db: Kysely<Tables>, folder: ItemRow, rows: readonly ItemRow[]): Promise<Listed[]> {
  if (rows.length === 0) return [];
  const path = await findPath(db, folder.id);
  const users = await findUsers(db, rows);
  const versions = await findVersions(db, rows);
  return rows.flatMap((item): Listed[] => {
    if (item.kind === 'folder') return [{ item, path, users }];
    const version = versions.get(item.id);
    return version === undefined ? [] : [{ item, path, users, version }];
  });
}
