import type { Millis } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import { CLOCK_TOLERANCE } from '../time/clock.ts';
import type { SharedWork } from './metadata.ts';
import type { Tables } from './schema.ts';
import { DATABASE_NOW, shifted } from './time.ts';

/**
 * Whether this work last began long enough ago, by the database's clock; if so, it begins now. A beginning in the future
 * says that the clock was set back since: then it is due, too. PostgreSQL's alone.
 */
export async function isDue(db: Kysely<Tables>, work: SharedWork, interval: Millis): Promise<boolean> {
  // A little less, for nodes whose timers run a little faster than the work takes.
  const due = sql<boolean>`(installation.value::bigint <= ${shifted(DATABASE_NOW, -Math.floor(interval * 0.9))}
    or installation.value::bigint > ${shifted(DATABASE_NOW, CLOCK_TOLERANCE)})`;
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('installation')
    .values({ name: work, value: sql<string>`${DATABASE_NOW}::text` })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({ value: (row) => row.ref('excluded.value') })
        .where(due),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}
