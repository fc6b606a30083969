import type { Kysely } from 'kysely';
import type { Tables, VersionRow } from '../database/schema.ts';

/**
 * Whether the file got another version in the same second. Then a date, which HTTP gives to the second, does not say which
 * of them somebody has. Looks at the versions before and after this one, by an index.
 */
export async function sharesSecond(db: Kysely<Tables>, version: VersionRow): Promise<boolean> {
  const ofFile = db.selectFrom('versions').select('created_at').where('file_id', '=', version.file_id).limit(1);
  const neighbors = await Promise.all([
    ofFile.where('id', '<', version.id).orderBy('id', 'desc').executeTakeFirst(),
    ofFile.where('id', '>', version.id).orderBy('id').executeTakeFirst(),
  ]);
  const second = Math.floor(version.created_at / 1000);
  return neighbors.some((neighbor) => neighbor && Math.floor(neighbor.created_at / 1000) === second);
}
