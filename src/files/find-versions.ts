import type { Kysely } from 'kysely';
import type { ItemId } from '../api/ids.ts';
import type { ItemRow, Tables, VersionRow } from '../sql/tables.ts';

/** Well below what a statement takes as parameters anywhere. */
const BATCH = 500;

/** The current versions of these files, by file. */
export async function findVersions(
  db: Kysely<Tables>,
  items: readonly ItemRow[],
): Promise<ReadonlyMap<ItemId, VersionRow>> {
  const ids = items.flatMap(({ version_id: id }) => id ?? []);
  const found = new Map<ItemId, VersionRow>();
  for (let from = 0; from < ids.length; from += BATCH) {
    const batch = ids.slice(from, from + BATCH);
    const rows = await db.selectFrom('versions').selectAll().where('id', 'in', batch).execute();
    for (const row of rows) found.set(row.file_id, row);
  }
  return found;
}
