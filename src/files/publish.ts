import type { Transaction } from 'kysely';
import type { ContentId, ItemId, Millis, Sha1, UserId, VersionId } from '../api/ids.ts';
import { newId } from '../sql/new-id.ts';
import type { ItemRow, Tables } from '../sql/tables.ts';
import { changedMeanwhile, findChangeable } from './find-changeable.ts';
import { findNamesake, nameInUse } from './find-namesake.ts';
import { holdFolder } from './hold-folder.ts';
import { insertItem } from './insert-item.ts';
import { checkName, nameKey } from './names.ts';

/** Bytes that lie sealed in the store and have no name yet. */
export interface NewContent {
  content: ContentId;
  size: number;
  sha1: Sha1;
  by: UserId;
  now: Millis;
  /** When the client says that the content was made: for a new file now, for a new version as before by default. */
  contentCreatedAt?: Millis;
  /** When the client says that the content was last changed; now by default. */
  contentModifiedAt?: Millis;
}

export interface Published {
  fileId: ItemId;
  versionId: VersionId;
}

/**
 * Gives sealed bytes their name in a folder: from the end of the transaction on they are a file. Refuses `not_found`
 * and `trashed` for the folder, `item_name_in_use`, `item_name_invalid`.
 */
export async function publishNewFile(
  tx: Transaction<Tables>,
  place: { folderId: ItemId; name: string; description?: string },
  made: NewContent,
): Promise<Published> {
  checkName(place.name);
  await holdFolder(tx, made.by, place.folderId);
  const published = { fileId: newId<ItemId>(), versionId: newId<VersionId>() };
  await insertItem(tx, {
    id: published.fileId,
    kind: 'file',
    folderId: place.folderId,
    name: place.name,
    description: place.description ?? '',
    versionId: published.versionId,
    by: made.by,
    now: made.now,
    contentCreatedAt: made.contentCreatedAt ?? made.now,
    contentModifiedAt: made.contentModifiedAt ?? made.now,
  });
  await insertVersion(tx, published, place.name, made);
  return published;
}

/**
 * Makes sealed bytes the current version of a file, under a new name where one is given. Refuses `not_found`,
 * `trashed`, `item_name_in_use`, `item_name_invalid`; `precondition_failed` where `ifMatch` names another state of the
 * file, or there is none.
 */
export async function publishNewVersion(
  tx: Transaction<Tables>,
  fileId: ItemId,
  change: { name?: string; ifMatch?: string },
  made: NewContent,
): Promise<Published> {
  const { ifMatch } = change;
  const file = await findChangeable(tx, { kind: 'file', owner: made.by, id: fileId, ifMatch });
  const renamed = change.name !== undefined && change.name !== file.name;
  if (renamed) await holdName(tx, file, change.name as string);
  const published = { fileId, versionId: newId<VersionId>() };
  const { numUpdatedRows } = await tx
    .updateTable('items')
    .set((row) => ({
      etag: row('etag', '+', 1),
      version_id: published.versionId,
      modified_at: made.now,
      modified_by: made.by,
      content_modified_at: made.contentModifiedAt ?? made.now,
      ...(made.contentCreatedAt !== undefined && { content_created_at: made.contentCreatedAt }),
      ...(renamed && { name: change.name as string, name_key: nameKey(change.name as string) }),
    }))
    .where('id', '=', fileId)
    .where('trashed_at', 'is', null)
    // Without If-Match the last writer wins, as it does when the two come one after the other.
    .$if(ifMatch !== undefined, (query) => query.where('etag', '=', file.etag))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw changedMeanwhile('file', ifMatch);
  await insertVersion(tx, published, change.name ?? file.name, made);
  return published;
}

/** Makes sure that a file can take this name until the transaction ends. */
async function holdName(tx: Transaction<Tables>, file: ItemRow, name: string): Promise<void> {
  checkName(name);
  const folderId = file.parent_id as ItemId;
  await holdFolder(tx, file.owner_id, folderId);
  const namesake = await findNamesake(tx, { folderId, name, except: file.id });
  if (namesake !== undefined) throw nameInUse(namesake);
}

async function insertVersion(
  tx: Transaction<Tables>,
  { fileId, versionId }: Published,
  name: string,
  made: NewContent,
): Promise<void> {
  await tx
    .insertInto('versions')
    .values({
      id: versionId,
      file_id: fileId,
      content_id: made.content,
      name,
      size: made.size,
      sha1: made.sha1,
      created_at: made.now,
      created_by: made.by,
    })
    .execute();
}
