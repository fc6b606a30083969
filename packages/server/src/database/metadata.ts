import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** What all nodes do together no more often than now and then; the fact is when it last began. */
export type ClusterJob = 'last-maintenance-run' | 'last-orphan-scan';
/** Facts about the installation. All but the times are said once, by whoever is first. */
export type ClusterSetting = 'database-id' | 'signing-key-sha256' | 'developer-token-sha256' | ClusterJob;

/** The id of this database, which a copy or a restored backup of it has too. */
export async function databaseId(db: Kysely<Tables>): Promise<string> {
  const { value } = await db
    .selectFrom('metadata')
    .select('value')
    .where('name', '=', 'database-id')
    .executeTakeFirstOrThrow();
  return value;
}

/** Says a fact unless it has been said before; gives what holds from then on. */
export async function setIfAbsent(db: Kysely<Tables>, name: ClusterSetting, value: string): Promise<string> {
  await db
    .insertInto('metadata')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
  const settled = await db.selectFrom('metadata').select('value').where('name', '=', name).executeTakeFirstOrThrow();
  return settled.value;
}

/** Unsays facts, so that the next who comes says them anew. Gives how many there were. */
export async function clearSettings(
  db: Kysely<Tables>,
  names: readonly Exclude<ClusterSetting, 'database-id' | ClusterJob>[],
): Promise<number> {
  const { numDeletedRows } = await db.deleteFrom('metadata').where('name', 'in', names).executeTakeFirst();
  return Number(numDeletedRows);
}
