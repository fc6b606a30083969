import type { ItemId, UserId, VersionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables, UserRow, VersionRow } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { inBatches } from '../util/chunks.ts';
import type { FileContext } from './context.ts';

export type PathFolder = Pick<ItemRow, 'id' | 'parent_id' | 'name' | 'etag'>;
export type NamedUser = Pick<UserRow, 'id' | 'login' | 'name'>;

/** A folder with all that an answer about it may hold. */
export interface FolderEntry {
  item: ItemRow;
  /** The folders above it, the root first. */
  path: readonly PathFolder[];
  /** The users who are named in it. */
  users: ReadonlyMap<UserId, NamedUser>;
}

/** A file, with the version that is shown of it. */
export interface FileEntry extends FolderEntry {
  version: VersionRow;
}

/** The owner's folder, also from the trash. */
export function findFolder(db: Kysely<Tables>, owner: UserId, id: ItemId): Promise<FoundItem | undefined> {
  return findItem(db, { kind: 'folder', owner, id });
}

/** The owner's file, also from the trash; anyone's where `owner` is undefined. */
export function findFile(db: Kysely<Tables>, owner: UserId | undefined, id: ItemId): Promise<FoundItem | undefined> {
  return findItem(db, { kind: 'file', owner, id });
}

/** A version of a file: the current one unless `id` says otherwise. */
export function findVersion(db: Kysely<Tables>, file: ItemRow, id = file.version_id): Promise<VersionRow | undefined> {
  return db.selectFrom('versions').selectAll().where('id', '=', id).where('file_id', '=', file.id).executeTakeFirst();
}

/** A file as an answer shows it, whoever asks, also from the trash; with its current version unless told otherwise. */
export async function describeFile(
  db: Kysely<Tables>,
  fileId: ItemId,
  versionId?: VersionId,
): Promise<FileEntry | undefined> {
  const item = await findFile(db, undefined, fileId);
  if (item === undefined) return undefined;
  const version = await findVersion(db, item, versionId);
  if (version === undefined) return undefined;
  return { version, ...(await describeFolder(db, item)) };
}

/** A folder (or what a file has in common with one) as an answer shows it. */
export async function describeFolder(db: Kysely<Tables>, item: ItemRow): Promise<FolderEntry> {
  return { item, path: await findPath(db, item.parent_id), users: await findUsers(db, [item]) };
}

/** The folders from the root down to `folderId`, itself included. */
export async function findPath(db: Kysely<Tables>, folderId: ItemId | null): Promise<PathFolder[]> {
  if (folderId === null) return [];
  return db
    .withRecursive('above(id, parent_id, name, etag, height)', (query) =>
      query
        .selectFrom('items')
        .select(({ lit }) => ['id', 'parent_id', 'name', 'etag', lit(0).as('height')])
        .where('id', '=', folderId)
        .unionAll(
          query
            .selectFrom('items')
            .innerJoin('above', 'above.parent_id', 'items.id')
            .select((eb) => [
              'items.id',
              'items.parent_id',
              'items.name',
              'items.etag',
              eb('height', '+', 1).as('height'),
            ]),
        ),
    )
    .selectFrom('above')
    .select(['id', 'parent_id', 'name', 'etag'])
    .orderBy('height', 'desc')
    .execute();
}

/** The users who own, made or changed these items. */
export function findUsers(db: Kysely<Tables>, items: readonly ItemRow[]): Promise<ReadonlyMap<UserId, NamedUser>> {
  return findUsersById(
    db,
    items.flatMap((item) => [item.owner_id, item.created_by, item.modified_by]),
  );
}

export async function findUsersById(
  db: Kysely<Tables>,
  ids: readonly UserId[],
): Promise<ReadonlyMap<UserId, NamedUser>> {
  const users = await inBatches([...new Set(ids)], (batch) =>
    db.selectFrom('users').select(['id', 'login', 'name']).where('id', 'in', batch).execute(),
  );
  return new Map(users.map((user) => [user.id, user]));
}

/** A file of the caller's, also from the trash. Refuses `not_found`, also for those of others. */
export async function getFile({ db }: FileContext, caller: UserId, id: ItemId): Promise<FileEntry> {
  const entry = await describeFile(db, id);
  if (entry?.item.owner_id !== caller) throw new DomainError('not-found', `There is no file ${id}.`);
  return entry;
}

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

/** What a client's cache needs to know of an item (wire: "Objects", mini). Part of answers and of refusals alike. */
export type Mini = Record<string, unknown>;

export function fileMini(item: MiniItem, version: Pick<VersionRow, 'id' | 'sha1'>): Mini {
  return {
    type: 'file',
    id: String(item.id),
    file_version: { type: 'file_version', id: String(version.id), sha1: version.sha1 },
    sequence_id: String(item.etag),
    etag: String(item.etag),
    sha1: version.sha1,
    name: item.name,
  };
}

/** A root folder, known by having no parent, is "0" to everyone and has no etag. */
export function folderMini(item: MiniItem): Mini {
  const etag = item.parent_id === null ? null : String(item.etag);
  return { type: 'folder', id: folderId(item), sequence_id: etag, etag, name: item.name };
}

/** The id of a folder at the wire. */
export function folderId(item: Pick<ItemRow, 'id' | 'parent_id'>): string {
  return item.parent_id === null ? '0' : String(item.id);
}

type MiniItem = Pick<ItemRow, 'id' | 'parent_id' | 'etag' | 'name'>;
