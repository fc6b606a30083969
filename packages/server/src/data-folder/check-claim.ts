import { databaseId } from '../database/metadata.ts';
import type { StoreClaim } from './ownership.ts';

/**
 * Makes sure that bytes are those of a database, and leaves both as they are: with another database all bytes would seem
 * to be named by nothing. Throws with what to do where nothing says that they belong together.
 */
export async function checkClaim({ db, mark, ownFolder }: Omit<StoreClaim, 'content'>): Promise<void> {
  const marked = await mark.read();
  if (marked === (await databaseId(db)) || (marked === undefined && ownFolder)) return;
  throw new Error(
    `The bytes beside ${mark.place} are not known to be those of this database. Give the database and the folder that ` +
      'were used together (PARTWAY_DATABASE, PARTWAY_DATA).',
  );
}
