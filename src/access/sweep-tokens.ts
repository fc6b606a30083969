import type { Millis } from '../api/ids.ts';
import type { Access } from './access.ts';

/** An access token is remembered for so long after its end, because clients renew only one that is said to have expired. */
const EXPIRED_KEPT: Millis = 7 * 24 * 3_600_000;

/** Forgets what has run out: tokens, codes, used assertions. Gives how many. */
export async function sweepTokens({ db, clock }: Pick<Access, 'db' | 'clock'>): Promise<number> {
  const at = clock.now();
  const counts = [
    await db
      .deleteFrom('access_tokens')
      .where('expires_at', '<=', at - EXPIRED_KEPT)
      .executeTakeFirst(),
    await db.deleteFrom('refresh_tokens').where('expires_at', '<=', at).executeTakeFirst(),
    await db.deleteFrom('authorization_codes').where('expires_at', '<=', at).executeTakeFirst(),
    await db.deleteFrom('used_assertions').where('expires_at', '<=', at).executeTakeFirst(),
  ];
  return counts.reduce((sum, { numDeletedRows }) => sum + Number(numDeletedRows), 0);
}
