import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId, VersionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables, VersionRow } from '../database/schema.ts';
import { findFile, findVersion } from './find.ts';
import { namesEtag } from './update-item.ts';

/** An item as it is found by its ID: what is in the trash because a folder above it is, says so. */
export interface FoundItem extends ItemRow {
  /** How many folders are above it: 0 for a root folder, 1 for what is in it. Up to the trash for what is there. */
  depth: number;
}

/**
 * An item, also from the trash; undefined if there is none of this kind and owner. One walk up its folders, which ends at
 * the first that went to the trash itself, or at the root of the user. Any other end is a tree that is being copied or
 * deleted in batches: nobody sees what is in it.
 */
export async function findItem(
  db: Kysely<Tables>,
  { kind, owner, id }: { kind: ItemKind; owner: UserId | undefined; id: ItemId },
): Promise<FoundItem | undefined> {
  const row = await db
    .withRecursive('above(id, parent_id, trashed_at, height)', (query) =>
      query
        .selectFrom('items')
        .select(({ lit }) => ['items.id', 'items.parent_id', 'items.trashed_at', lit(0).as('height')])
        .where('items.id', '=', id)
        .unionAll(
          query
            .selectFrom('items')
            .innerJoin('above', 'above.parent_id', 'items.id')
            .select((row) => ['items.id', 'items.parent_id', 'items.trashed_at', row('height', '+', 1).as('height')])
            .where('above.trashed_at', 'is', null),
        ),
    )
    .selectFrom('items')
    .innerJoin('users', 'users.id', 'items.owner_id')
    .innerJoin('above as above_top', (join) =>
      join.on((row) => row.or([row('above_top.trashed_at', 'is not', null), row('above_top.parent_id', 'is', null)])),
    )
    .selectAll('items')
    .select(['above_top.id as top_id', 'above_top.trashed_at as top_trashed_at', 'above_top.height as depth'])
    .where('items.id', '=', id)
    .where('items.kind', '=', kind)
    .where((row) =>
      row.or([row('above_top.trashed_at', 'is not', null), row('above_top.id', '=', row.ref('users.root_id'))]),
    )
    .$if(owner !== undefined, (query) => query.where('items.owner_id', '=', owner as UserId))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { top_id: topId, top_trashed_at: trashedAt, ...item } = row;
  return { ...item, trashed_at: trashedAt, trashed_with: trashedAt === null ? null : topId };
}

/**
 * The owner's item, to be changed: in use, and in the state that `ifMatch` names. Refuses `trashed`, and what is missing
 * as `not_found`, or as `precondition_failed` where there is an `ifMatch` (wire: "Errors").
 */
export async function findChangeable(
  db: Kysely<Tables>,
  wanted: { kind: ItemKind; owner: UserId; id: ItemId; ifMatch: string | undefined },
): Promise<FoundItem> {
  const { kind, ifMatch } = wanted;
  const item = await findItem(db, wanted);
  if (item === undefined) {
    throw ifMatch === undefined
      ? new Refusal('not_found', `There is no such ${kind}.`)
      : new Refusal('precondition_failed', `There is no such ${kind}, so If-Match cannot hold.`);
  }
  if (item.trashed_at !== null) throw new Refusal('trashed', `The ${kind} is in the trash.`);
  if (ifMatch !== undefined && !namesEtag(ifMatch, item.etag)) {
    throw new Refusal('precondition_failed', `The ${kind} has changed: its etag is not the one in If-Match.`);
  }
  return item;
}

/** One version of a file, to be read. */
export interface Download {
  file: ItemRow;
  version: VersionRow;
}

export interface DownloadRequest {
  /** Whose the file must be; undefined where the address was signed for somebody who may read it. */
  owner: UserId | undefined;
  fileId: ItemId;
  /** The current one where it is left out. */
  versionId: VersionId | undefined;
}

/** Refuses `not_found` and `trashed`. */
export async function findDownload(
  db: Kysely<Tables>,
  { owner, fileId, versionId }: DownloadRequest,
): Promise<Download> {
  const file = await findFile(db, owner, fileId);
  if (file === undefined) throw new Refusal('not_found', 'There is no such file.');
  if (file.trashed_at !== null) throw new Refusal('trashed', 'The file is in the trash.');
  const version = await findVersion(db, file, versionId);
  if (version === undefined) throw new Refusal('not_found', 'The file has no such version.');
  if (version.trashed_at !== null) throw new Refusal('trashed', 'This version is in the trash.');
  return { file, version };
}

/** The root folder is where it is, as it is. */
export function refuseRoot(folder: Pick<ItemRow, 'parent_id'>): void {
  if (folder.parent_id !== null) return;
  throw new Refusal(
    'access_denied_insufficient_permissions',
    'The root folder cannot be changed, moved, copied or deleted.',
  );
}
