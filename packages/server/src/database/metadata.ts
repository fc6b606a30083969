import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** Jobs that all nodes together run once per interval. The value is the time of the last start. */
export type ClusterJob = 'last-maintenance-run' | 'last-orphan-scan';
/** Settings that all nodes share. The first node sets them; only the times of jobs change later. */
export type ClusterSetting =
  | 'database-id'
  | 'signing-key-sha256'
  | 'developer-token-sha256'
  | 'trash-retention-since'
  | ClusterJob;

/** Gets the ID of this database. Copies and restored backups of the database have the same ID. */
export async function getDatabaseId(db: Kysely<Tables>): Promise<string> {
  const { value } = await db
    .selectFrom('metadata')
    .select('value')
    .where('name', '=', 'database-id')
    .executeTakeFirstOrThrow();
  return value;
}

/** Sets a value unless it is set already. Returns the value that is now stored. */
export async function setIfAbsent(db: Kysely<Tables>, name: ClusterSetting, value: string): Promise<string> {
  await db
    .insertInto('metadata')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
  const row = await db.selectFrom('metadata').select('value').where('name', '=', name).executeTakeFirstOrThrow();
  return row.value;
}

/** Deletes settings, so that the next node to start sets them again. Returns how many there were. */
export async function clearSettings(
  db: Kysely<Tables>,
  names: readonly Exclude<ClusterSetting, 'database-id' | ClusterJob>[],
): Promise<number> {
  const { numDeletedRows } = await db.deleteFrom('metadata').where('name', 'in', names).executeTakeFirst();
  return Number(numDeletedRows);
}
