import type { ItemId, UserId, VersionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables, VersionRow } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { type FoundItem, findFile, findItem, findVersion } from './find.ts';

/**
 * The owner's item, to be changed: in use, and in the state that `ifMatch` names. Refuses `trashed`, and what is missing
 * as `not_found`, or as `precondition_failed` where there is an `ifMatch` (wire: "Errors").
 */
export async function getChangeable(
  db: Kysely<Tables>,
  wanted: { kind: ItemKind; owner: UserId; id: ItemId; ifMatch: string | undefined },
): Promise<FoundItem> {
  const { kind, ifMatch } = wanted;
  const item = await findItem(db, wanted);
  if (item === undefined) {
    throw ifMatch === undefined
      ? new DomainError('not-found', `There is no such ${kind}.`)
      : new DomainError('precondition-failed', `There is no such ${kind}, so If-Match cannot hold.`);
  }
  if (item.trashed_at !== null) throw new DomainError('trashed', `The ${kind} is in the trash.`);
  if (ifMatch !== undefined && !matchesEtag(ifMatch, item.etag)) {
    throw new DomainError('precondition-failed', `The ${kind} has changed: its etag is not the one in If-Match.`);
  }
  return item;
}

/** One version of a file, to be read. */
export interface Download {
  file: ItemRow;
  version: VersionRow;
}

interface DownloadRequest {
  /** Whose the file must be; undefined where the address was signed for somebody who may read it. */
  owner: UserId | undefined;
  fileId: ItemId;
  /** The current one where it is left out. */
  versionId: VersionId | undefined;
}

/** Refuses `not_found` and `trashed`. */
export async function getDownload(
  db: Kysely<Tables>,
  { owner, fileId, versionId }: DownloadRequest,
): Promise<Download> {
  const file = await findFile(db, owner, fileId);
  if (file === undefined) throw new DomainError('not-found', 'There is no such file.');
  if (file.trashed_at !== null) throw new DomainError('trashed', 'The file is in the trash.');
  const version = await findVersion(db, file, versionId);
  if (version === undefined) throw new DomainError('not-found', 'The file has no such version.');
  if (version.trashed_at !== null) throw new DomainError('trashed', 'This version is in the trash.');
  return { file, version };
}

/** The root folder is where it is, as it is. */
export function assertNotRoot(folder: Pick<ItemRow, 'parent_id'>): void {
  if (folder.parent_id !== null) return;
  throw new DomainError('permission-denied', 'The root folder cannot be changed, moved, copied or deleted.');
}

/** Whether an `If-Match` or `If-None-Match` names this etag: `1` and `"1"` alike, several with commas, `*` for any. */
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
