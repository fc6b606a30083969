import type { ItemId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemRow, Tables, VersionRow } from '../database/schema.ts';
import { inBatches } from './in-batches.ts';

/** The current versions of these files, by file. */
export async function findVersions(
  db: Kysely<Tables>,
  items: readonly ItemRow[],
): Promise<ReadonlyMap<ItemId, VersionRow>> {
  const ids = items.flatMap(({ version_id: id }) => id ?? []);
  const rows = await inBatches(ids, (batch) =>
    db.selectFrom('versions').selectAll().where('id', 'in', batch).execute(),
  );
  return new Map(rows.map((row) => [row.file_id, row]));
}
