import type { Kysely } from 'kysely';
import type { ItemId, UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';

/** Bytes of the current versions of all files below a folder, without what is in the trash. */
export async function folderSize(db: Kysely<Tables>, folderId: ItemId): Promise<number> {
  const { bytes } = await db
    .withRecursive('below(id, version_id)', (query) =>
      query
        .selectFrom('items')
        .select(['items.id', 'items.version_id'])
        .where('items.id', '=', folderId)
        .unionAll(
          query
            .selectFrom('items')
            .innerJoin('below', 'below.id', 'items.parent_id')
            .select(['items.id', 'items.version_id'])
            .where('items.trashed_at', 'is', null),
        ),
    )
    .selectFrom('below')
    .innerJoin('versions', 'versions.id', 'below.version_id')
    .select(({ fn }) => fn.sum('versions.size').as('bytes'))
    .executeTakeFirstOrThrow();
  return Number(bytes ?? 0);
}

/** Bytes of all versions of all files of a user, also of those in the trash. */
export async function spaceUsed(db: Kysely<Tables>, owner: UserId): Promise<number> {
  const { bytes } = await db
    .selectFrom('items')
    .innerJoin('versions', 'versions.file_id', 'items.id')
    .select(({ fn }) => fn.sum('versions.size').as('bytes'))
    .where('items.owner_id', '=', owner)
    .executeTakeFirstOrThrow();
  return Number(bytes ?? 0);
}
