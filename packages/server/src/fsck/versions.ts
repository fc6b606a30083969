import { type Kysely, sql } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { FsckContext } from './context.ts';

/** Files whose current version is not one of theirs. Only reported: which version it was, nobody can tell. */
export async function checkVersions({ db, found }: FsckContext): Promise<void> {
  for (const { id, name } of await filesWithoutVersion(db)) {
    await found({
      kind: 'file_without_version',
      message: `The file ${name} (${id}) has no current version. Upload a new version of it, or delete it.`,
      about: { file_id: String(id), name },
    });
  }
}

function filesWithoutVersion(db: Kysely<Tables>) {
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
