import type { Kysely } from 'kysely';
import type { ItemRow, Tables, VersionRow } from '../database/schema.ts';

/** The past versions of a file, the newest first, also those in the trash; and how many there are. */
export async function listVersions(
  db: Kysely<Tables>,
  file: ItemRow,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ versions: VersionRow[]; total: number }> {
  const past = db.selectFrom('versions').where('file_id', '=', file.id).where('id', '!=', file.version_id);
  const versions = await past.selectAll().orderBy('number', 'desc').offset(offset).limit(limit).execute();
  const { total } = await past.select(({ fn }) => fn.countAll().as('total')).executeTakeFirstOrThrow();
  return { versions, total: Number(total) };
}
