import type { Millis } from '../api/ids.ts';
import { CLOCK_GRACE, CLOCK_TOLERANCE } from '../clock.ts';
import { type Access, TOKEN_SECONDS } from './access.ts';

const DAY: Millis = 24 * 3_600_000;
/** An access token is remembered for so long after its end, because clients renew only one that is said to have expired. */
const EXPIRED_KEPT: Millis = 7 * DAY;
/** A used assertion is remembered for so long after its end, lest a clock that is set back make it good again. */
const ASSERTION_KEPT: Millis = DAY;

/** Forgets what has run out: tokens, codes, used assertions. Gives how many. */
export async function sweepTokens({ db, clock }: Pick<Access, 'db' | 'clock'>): Promise<number> {
  await shortenTokens({ db, clock });
  const at = clock.expiryTime();
  const counts = [
    await db
      .deleteFrom('access_tokens')
      .where('expires_at', '<=', at - EXPIRED_KEPT)
      .executeTakeFirst(),
    await db.deleteFrom('refresh_tokens').where('expires_at', '<=', at).executeTakeFirst(),
    await db.deleteFrom('authorization_codes').where('expires_at', '<=', at).executeTakeFirst(),
    await db
      .deleteFrom('used_assertions')
      .where('expires_at', '<=', at - ASSERTION_KEPT)
      .executeTakeFirst(),
  ];
  return counts.reduce((sum, { numDeletedRows }) => sum + Number(numDeletedRows), 0);
}

/**
 * An app's access token that would live longer than one issued now was issued while the clock was ahead: from now on it
 * lives as long as that one. Its app gets the next one as always. Others, made by hand or for renewal, keep their time.
 */
async function shortenTokens({ db, clock }: Pick<Access, 'db' | 'clock'>): Promise<void> {
  if (clock.steadyFor() < CLOCK_GRACE) return;
  const end = clock.now() + TOKEN_SECONDS * 1000;
  await db
    .updateTable('access_tokens')
    .set({ expires_at: end })
    .where('expires_at', '>', end + CLOCK_TOLERANCE)
    .where('client_id', 'is not', null)
    .execute();
}
