import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId, VersionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemRow, Tables, VersionRow } from '../database/schema.ts';
import { findVersion } from './find.ts';
import { findChangeable } from './find-changeable.ts';

export interface NamedVersion {
  caller: UserId;
  fileId: ItemId;
  versionId: VersionId;
  ifMatch?: string | undefined;
}

/** A version of a file of the caller's that is in use. Refuses `not_found`, `trashed` and `precondition_failed`. */
export async function needVersion(
  db: Kysely<Tables>,
  { caller, fileId, versionId, ifMatch }: NamedVersion,
): Promise<{ file: ItemRow; version: VersionRow }> {
  const file = await findChangeable(db, { kind: 'file', owner: caller, id: fileId, ifMatch });
  const version = await findVersion(db, file, versionId);
  if (version === undefined) throw new Refusal('not_found', 'The file has no such version.');
  return { file, version };
}
