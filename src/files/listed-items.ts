import type { Kysely } from 'kysely';
import type { ItemId } from '../api/ids.ts';
import type { ItemRow, Tables } from '../sql/tables.ts';
import { type FileEntry, type FolderEntry, findPath, findUsers, type PathFolder } from './find.ts';
import { findVersions } from './find-versions.ts';

export type Listed = FileEntry | FolderEntry;

/** A page of items with all that an answer may hold of each; those of one folder share its path. */
export async function listedItems(db: Kysely<Tables>, rows: readonly ItemRow[], folderId?: ItemId): Promise<Listed[]> {
  if (rows.length === 0) return [];
  const users = await findUsers(db, rows);
  const versions = await findVersions(db, rows);
  const paths = new Map<ItemId | null, readonly PathFolder[]>();
  for (const parent of folderId === undefined ? rows.map((row) => row.parent_id) : [folderId]) {
    if (!paths.has(parent)) paths.set(parent, await findPath(db, parent));
  }
  return rows.flatMap((item): Listed[] => {
    const path = paths.get(item.parent_id) ?? [];
    if (item.kind === 'folder') return [{ item, path, users }];
    const version = versions.get(item.id);
    return version === undefined ? [] : [{ item, path, users, version }];
  });
}
