import type { ItemId, VersionId } from '../../packages/protocol/src/ids.ts';
import type { UserRow } from '../../packages/server/src/database/schema.ts';
import { copyFile } from '../../packages/server/src/files/copy/copy-file.ts';
import { copyFolder } from '../../packages/server/src/files/copy/copy-folder.ts';
import { uploadVersion } from '../../packages/server/src/files/direct-upload.ts';
import { purge as purgeItem, restoreItem, trashFile, trashFolder } from '../../packages/server/src/files/trash.ts';
import { type ItemChange, updateFile, updateFolder } from '../../packages/server/src/files/update-item.ts';
import { promoteVersion } from '../../packages/server/src/files/versions.ts';
import { bodyBy, type House } from './house.ts';

// The verbs of the files room, files and folders alike, as a test says them. The owner acts unless told otherwise.

export interface Item {
  id: ItemId;
  kind: 'file' | 'folder';
}

export const fileOf = ({ fileId }: { fileId: ItemId }): Item => ({ id: fileId, kind: 'file' });

interface By {
  by?: UserRow;
  ifMatch?: string | undefined;
}

export function update(house: House, { id, kind }: Item, change: ItemChange, { by = house.owner, ifMatch }: By = {}) {
  return kind === 'file'
    ? updateFile(house.files, { caller: by.id, fileId: id, ifMatch, change })
    : updateFolder(house.files, { caller: by.id, folderId: id, ifMatch, change });
}

export const rename = (house: House, item: Item, name: string) => update(house, item, { name });
export const move = (house: House, item: Item, to: { id: ItemId }) => update(house, item, { folderId: to.id });

export async function copy(
  house: House,
  { id, kind }: Item,
  to: { id: ItemId },
  { name, by = house.owner }: { name?: string; by?: UserRow } = {},
): Promise<ItemId> {
  const place = { folderId: to.id, ...(name !== undefined && { name }) };
  if (kind === 'file') return copyFile(house.files, { caller: by.id, fileId: id, versionId: undefined, to: place });
  return (await copyFolder(house.files, { caller: by.id, folderId: id, to: place })).id;
}

export function trash(house: House, { id, kind }: Item, { by = house.owner, ifMatch }: By = {}): Promise<void> {
  return kind === 'file'
    ? trashFile(house.files, { caller: by.id, fileId: id, ifMatch })
    : trashFolder(house.files, { caller: by.id, folderId: id, recursive: true, ifMatch });
}

export function restore(
  house: House,
  { id, kind }: Item,
  { name, to, by = house.owner }: { name?: string; to?: { id: ItemId } | undefined; by?: UserRow } = {},
): Promise<void> {
  const place = { ...(name !== undefined && { name }), ...(to !== undefined && { folderId: to.id }) };
  return restoreItem(house.files, { kind, caller: by.id, id }, place);
}

export function purge(house: House, { id, kind }: Item, { by = house.owner }: By = {}): Promise<void> {
  return purgeItem(house.files, { kind, caller: by.id, id });
}

export function addVersion(house: House, { id }: { id: ItemId }, text: string, { by = house.owner }: By = {}) {
  return uploadVersion(house.files, id, {}, bodyBy(by, text));
}

export function promote(house: House, { id }: { id: ItemId }, versionId: VersionId, { by = house.owner }: By = {}) {
  return promoteVersion(house.files, { caller: by.id, fileId: id, versionId });
}

/** The versions of a file, the oldest first. */
export function versionsOf({ files }: House, { id }: { id: ItemId }) {
  return files.db.selectFrom('versions').selectAll().where('file_id', '=', id).orderBy('number').execute();
}

/** The row of an item, wherever it is. */
export function rowOf({ files }: House, { id }: { id: ItemId }) {
  return files.db.selectFrom('items').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}
