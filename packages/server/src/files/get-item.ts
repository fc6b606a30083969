import type { ItemId, UserId, VersionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables, VersionRow } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { type FoundItem, findFile, findItem, findVersion } from './find.ts';

/**
 * Gets an item that is to be changed. Throws `trashed`, `precondition-failed` if its etag does not match `ifMatch`,
 * and, if it does not exist, `not-found` without `ifMatch` or `precondition-failed` with it, as Box does.
 */
export async function getChangeable(
  db: Kysely<Tables>,
  request: { kind: ItemKind; owner: UserId; id: ItemId; ifMatch: string | undefined },
): Promise<FoundItem> {
  const { kind, ifMatch } = request;
  const item = await findItem(db, request);
  if (item === undefined) {
    throw ifMatch === undefined
      ? new DomainError('not-found', `The ${kind} does not exist.`)
      : new DomainError('precondition-failed', `The ${kind} does not exist, so If-Match cannot match.`);
  }
  if (item.trashed_at !== null) throw new DomainError('trashed', `The ${kind} is in the trash.`);
  if (ifMatch !== undefined && !matchesEtag(ifMatch, item.etag)) {
    throw new DomainError('precondition-failed', `The ${kind} has changed: its etag does not match If-Match.`);
  }
  return item;
}

/** A version whose bytes can be read. */
export interface Download {
  file: ItemRow;
  version: VersionRow;
}

interface DownloadRequest {
  /** The file's owner; undefined for a signed URL, which is only given to users who can read the file. */
  owner: UserId | undefined;
  fileId: ItemId;
  /** Undefined for the current version. */
  versionId: VersionId | undefined;
}

/** Gets a file and one of its versions. Throws `not-found`, or `trashed` if either of them is in the trash. */
export async function getDownload(
  db: Kysely<Tables>,
  { owner, fileId, versionId }: DownloadRequest,
): Promise<Download> {
  const file = await findFile(db, owner, fileId);
  if (file === undefined) throw new DomainError('not-found', 'The file does not exist.');
  if (file.trashed_at !== null) throw new DomainError('trashed', 'The file is in the trash.');
  const version = await findVersion(db, file, versionId);
  if (version === undefined) throw new DomainError('not-found', 'The version does not exist.');
  if (version.trashed_at !== null) throw new DomainError('trashed', 'This version is in the trash.');
  return { file, version };
}

/** Throws `permission-denied` for a root folder. */
export function assertNotRoot(folder: Pick<ItemRow, 'parent_id'>): void {
  if (folder.parent_id !== null) return;
  throw new DomainError('permission-denied', 'The root folder cannot be changed, moved, copied or deleted.');
}

/**
 * Whether an `If-Match` or `If-None-Match` header matches this etag. Accepts `1` and `"1"`, comma-separated lists, and
 * `*`.
 */
export function matchesEtag(header: string, etag: number): boolean {
  return header
    .split(',')
    .map((tag) =>
      tag
        .trim()
        .replace(/^W\//, '')
        .replace(/^"(.*)"$/, '$1'),
    )
    .some((tag) => tag === '*' || tag === String(etag));
}
