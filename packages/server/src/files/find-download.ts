import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId, VersionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemRow, Tables, VersionRow } from '../database/schema.ts';
import { findFile, findVersion } from './find.ts';

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
