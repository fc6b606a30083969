import type { ItemId, VersionId } from '../../packages/protocol/src/ids.ts';
import type { UserRow } from '../../packages/server/src/database/schema.ts';
import { copyFile } from '../../packages/server/src/files/copy/copy-file.ts';
import { copyFolder } from '../../packages/server/src/files/copy/copy-folder.ts';
import { uploadVersion } from '../../packages/server/src/files/direct-upload.ts';
import { purge as purgeItem, restoreItem, trashFile, trashFolder } from '../../packages/server/src/files/trash.ts';
import { type ItemChange, updateFile, updateFolder } from '../../packages/server/src/files/update-item.ts';
import { promoteVersion } from '../../packages/server/src/files/versions.ts';
import { createBody, type FilesFixture } from './files-fixture.ts';

// The operations on files and folders, for tests. By default, the owner acts.

export interface Item {
  id: ItemId;
  kind: 'file' | 'folder';
}

export const asFile = ({ fileId }: { fileId: ItemId }): Item => ({ id: fileId, kind: 'file' });

interface By {
  by?: UserRow;
  ifMatch?: string | undefined;
}

export function update(
  fixture: FilesFixture,
  { id, kind }: Item,
  change: ItemChange,
  { by = fixture.owner, ifMatch }: By = {},
) {
  return kind === 'file'
    ? updateFile(fixture.files, { caller: by.id, fileId: id, ifMatch, change })
    : updateFolder(fixture.files, { caller: by.id, folderId: id, ifMatch, change });
}

export const rename = (fixture: FilesFixture, item: Item, name: string) => update(fixture, item, { name });
export const move = (fixture: FilesFixture, item: Item, to: { id: ItemId }) =>
  update(fixture, item, { folderId: to.id });

export async function copy(
  fixture: FilesFixture,
  { id, kind }: Item,
  to: { id: ItemId },
  { name, by = fixture.owner }: { name?: string; by?: UserRow } = {},
): Promise<ItemId> {
  const place = { folderId: to.id, ...(name !== undefined && { name }) };
  if (kind === 'file') return copyFile(fixture.files, { caller: by.id, fileId: id, versionId: undefined, to: place });
  return (await copyFolder(fixture.files, { caller: by.id, folderId: id, to: place })).id;
}

export function trash(
  fixture: FilesFixture,
  { id, kind }: Item,
  { by = fixture.owner, ifMatch }: By = {},
): Promise<void> {
  return kind === 'file'
    ? trashFile(fixture.files, { caller: by.id, fileId: id, ifMatch })
    : trashFolder(fixture.files, { caller: by.id, folderId: id, recursive: true, ifMatch });
}

export function restore(
  fixture: FilesFixture,
  { id, kind }: Item,
  { name, to, by = fixture.owner }: { name?: string; to?: { id: ItemId } | undefined; by?: UserRow } = {},
): Promise<void> {
  const place = { ...(name !== undefined && { name }), ...(to !== undefined && { folderId: to.id }) };
  return restoreItem(fixture.files, { kind, caller: by.id, id }, place);
}

export function purge(fixture: FilesFixture, { id, kind }: Item, { by = fixture.owner }: By = {}): Promise<void> {
  return purgeItem(fixture.files, { kind, caller: by.id, id });
}

export function addVersion(
  fixture: FilesFixture,
  { id }: { id: ItemId },
  text: string,
  { by = fixture.owner }: By = {},
) {
  return uploadVersion(fixture.files, id, {}, createBody(by, text));
}

export function promote(
  fixture: FilesFixture,
  { id }: { id: ItemId },
  versionId: VersionId,
  { by = fixture.owner }: By = {},
) {
  return promoteVersion(fixture.files, { caller: by.id, fileId: id, versionId });
}

/** The versions of a file, oldest first. */
export function readVersions({ files }: FilesFixture, { id }: { id: ItemId }) {
  return files.db.selectFrom('versions').selectAll().where('file_id', '=', id).orderBy('number').execute();
}

/** The row of an item, wherever it is. */
export function readRow({ files }: FilesFixture, { id }: { id: ItemId }) {
  return files.db.selectFrom('items').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}
