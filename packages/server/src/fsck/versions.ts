import { type Kysely, sql } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { FsckContext } from './context.ts';

/** Finds files whose current version does not exist or belongs to another file. These cannot be repaired automatically. */
export async function checkVersions({ db, found }: FsckContext): Promise<void> {
  for (const { id, name } of await listFilesWithoutVersion(db)) {
    await found({
      kind: 'file_without_version',
      message: `The file ${name} (${id}) has no current version. Upload a new version of it, or delete it.`,
      about: { file_id: String(id), name },
    });
  }
}

function listFilesWithoutVersion(db: Kysely<Tables>) {
  return db
    .selectFrom('items')
    .leftJoin('versions', (join) =>
      join.onRef('versions.id', '=', 'items.version_id').onRef('versions.file_id', '=', 'items.id'),
    )
    .select(['items.id', 'items.name'])
    .where('items.kind', '=', 'file')
    .where(sql.ref('versions.id'), 'is', null)
    .orderBy('items.id')
    .execute();
}
