import type { ContentId, ItemId, Millis, Sha1, UserId, VersionId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';

export interface NewVersion {
  content: ContentId;
  name: string;
  size: number;
  sha1: Sha1;
  by: UserId;
  now: Millis;
}

/** Adds a version to a file of a tree that is held, with the number after the file's last one. */
export async function insertVersion(
  tx: Transaction<Tables>,
  { fileId, versionId }: { fileId: ItemId; versionId: VersionId },
  made: NewVersion,
): Promise<void> {
  await tx
    .insertInto('versions')
    .values(({ selectFrom, fn, val }) => ({
      id: versionId,
      file_id: fileId,
      content_id: made.content,
      name: made.name,
      size: made.size,
      sha1: made.sha1,
      created_at: made.now,
      created_by: made.by,
      number: selectFrom('versions')
        .select((last) => last(fn.coalesce(fn.max('number'), val(0)), '+', 1).as('number'))
        .where('file_id', '=', fileId),
    }))
    .execute();
}
