import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import { clearSettings, setIfAbsent } from '../../database/metadata.ts';
import type { Tables } from '../../database/schema.ts';
import type { Clock } from '../../time/clock.ts';

/** How long the trash keeps items and versions (`PARTWAY_TRASH_RETENTION`). */
export interface TrashRetention {
  /** Undefined: until somebody deletes them. */
  period: Millis | undefined;
  /** When the server first started with a period. The retention of older trash counts from then. */
  since: Millis;
}

const SINCE = 'trash-retention-since';

/**
 * Starts the retention, or continues it if the database knows when it started. So a server whose trash is older does not
 * empty it at its first start with a period. Without a period, the start is forgotten: the next one counts from scratch.
 */
export async function openTrashRetention(
  db: Kysely<Tables>,
  period: Millis | undefined,
  clock: Pick<Clock, 'lifetimesFrom'>,
): Promise<TrashRetention> {
  const now = clock.lifetimesFrom();
  if (period !== undefined) return { period, since: Number(await setIfAbsent(db, SINCE, String(now))) };
  await clearSettings(db, [SINCE]);
  return { period, since: now };
}

/** When something that is in the trash since `trashedAt` is purged: the `purged_at` of responses. Null for never. */
export function purgedAt({ period, since }: TrashRetention, trashedAt: Millis | null): Millis | null {
  if (trashedAt === null || period === undefined) return null;
  return Math.max(trashedAt, since) + period;
}

/** The time such that everything that was moved to the trash until then is due. Undefined if nothing can be due. */
export function findCutoff({ period, since }: TrashRetention, clock: Pick<Clock, 'expiryTime'>): Millis | undefined {
  if (period === undefined) return undefined;
  const cutoff = clock.expiryTime() - period;
  return cutoff < since ? undefined : cutoff;
}
