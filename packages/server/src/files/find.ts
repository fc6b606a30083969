import type { ItemId, UserId, VersionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables, UserRow, VersionRow } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { inBatches } from '../util/batches.ts';
import type { FileContext } from './context.ts';

// Most finders also return items in the trash: callers check `trashed_at` if that matters.

export type PathFolder = Pick<ItemRow, 'id' | 'parent_id' | 'name' | 'etag'>;
export type NamedUser = Pick<UserRow, 'id' | 'login' | 'name'>;

/** A folder with everything that a response about it can show. */
export interface FolderEntry {
  item: ItemRow;
  /** The parent folders, starting with the root. */
  path: readonly PathFolder[];
  /** The users whom the response names. */
  users: ReadonlyMap<UserId, NamedUser>;
}

/** A file with the version that a response shows. */
export interface FileEntry extends FolderEntry {
  version: VersionRow;
}

/** Finds a folder of the owner. */
export function findFolder(db: Kysely<Tables>, owner: UserId, id: ItemId): Promise<FoundItem | undefined> {
  return findItem(db, { kind: 'folder', owner, id });
}

/** Finds a file of the owner, or of any user if `owner` is undefined. */
export function findFile(db: Kysely<Tables>, owner: UserId | undefined, id: ItemId): Promise<FoundItem | undefined> {
  return findItem(db, { kind: 'file', owner, id });
}

/** Finds a version of a file, by default the current one. */
export function findVersion(db: Kysely<Tables>, file: ItemRow, id = file.version_id): Promise<VersionRow | undefined> {
  return db.selectFrom('versions').selectAll().where('id', '=', id).where('file_id', '=', file.id).executeTakeFirst();
}

/**
 * Loads what a response shows of a file, by default with its current version. Does not check who owns the file. Returns
 * undefined if the file or the version does not exist.
 */
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

/** Loads what a response shows of a folder, or of a file except for its version. */
export async function describeFolder(db: Kysely<Tables>, item: ItemRow): Promise<FolderEntry> {
  return { item, path: await findPath(db, item.parent_id), users: await findUsers(db, [item]) };
}

/** Finds the folders from the root down to `folderId`, including it. */
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

/** Finds the users who own, created or last modified these items. */
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

/** Gets a file of the caller, even if it is in the trash. Throws `not-found`, also for files of other users. */
export async function getFile({ db }: FileContext, caller: UserId, id: ItemId): Promise<FileEntry> {
  const entry = await describeFile(db, id);
  if (entry?.item.owner_id !== caller) throw new DomainError('not-found', `File ${id} does not exist.`);
  return entry;
}

/** An item with its effective trash state: `trashed_at` is also set if a parent folder was moved to the trash. */
export interface FoundItem extends ItemRow {
  /**
   * The number of parent folders: 0 for a root folder, 1 for items in it. In the trash, counted from the trashed item.
   */
  depth: number;
}

/**
 * Finds an item, even if it is in the trash. Returns undefined if there is none of this kind and owner. The query
 * follows the parent folders up to the first one that was moved to the trash, or to the user's root folder. If they end
 * anywhere else, the tree is being copied or deleted in batches, and its items are invisible.
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

/** The short form of an item that Box calls "mini". Responses contain it, and so do name conflict errors. */
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

/** A root folder (which has no parent) has the ID "0" in the API, and no etag. */
export function folderMini(item: MiniItem): Mini {
  const etag = item.parent_id === null ? null : String(item.etag);
  return { type: 'folder', id: folderId(item), sequence_id: etag, etag, name: item.name };
}

/** The ID of a folder in the API. */
export function folderId(item: Pick<ItemRow, 'id' | 'parent_id'>): string {
  return item.parent_id === null ? '0' : String(item.id);
}

type MiniItem = Pick<ItemRow, 'id' | 'parent_id' | 'etag' | 'name'>;
