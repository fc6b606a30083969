import type { Millis } from '@partway/protocol/ids';
import { sql } from 'kysely';
import { CLOCK_GRACE, CLOCK_TOLERANCE } from '../../time/clock.ts';
import { type AuthContext, TOKEN_SECONDS } from '../context.ts';

const DAY: Millis = 24 * 3_600_000;
/** An access token is remembered for so long after its end, because clients renew only one that is said to have expired. */
const EXPIRED_KEPT: Millis = 7 * DAY;
/** A used assertion is remembered for so long after its end, lest a clock that is set back make it good again. */
const ASSERTION_KEPT: Millis = DAY;

/** Rows that one statement deletes at most. */
const ROWS_AT_ONCE = 1_000;

/** Forgets what has run out: tokens, codes, used assertions. Gives how many. */
export async function deleteExpiredTokens({ db, clock }: Pick<AuthContext, 'db' | 'clock'>): Promise<number> {
  await shortenTokens({ db, clock });
  const at = clock.expiryTime();
  const expired = [
    await deleteExpired(db, 'access_tokens', ['token_sha256'], at - EXPIRED_KEPT),
    await deleteExpired(db, 'refresh_tokens', ['token_sha256'], at),
    await deleteExpired(db, 'authorization_codes', ['code_sha256'], at),
    await deleteExpired(db, 'used_assertions', ['client_id', 'jti'], at - ASSERTION_KEPT),
  ];
  return expired.reduce((sum, count) => sum + count, 0);
}

/** Deletes the rows of a table that expired at `before` or earlier, in statements that let others through. */
async function deleteExpired(
  db: AuthContext['db'],
  table: 'access_tokens' | 'refresh_tokens' | 'authorization_codes' | 'used_assertions',
  key: readonly string[],
  before: Millis,
): Promise<number> {
  const columns = sql.join(key.map((column) => sql.ref(column)));
  for (let count = 0; ; ) {
    const { numAffectedRows } = await sql`delete from ${sql.table(table)} where (${columns}) in
      (select ${columns} from ${sql.table(table)} where expires_at <= ${before} limit ${ROWS_AT_ONCE})`.execute(db);
    const deleted = Number(numAffectedRows ?? 0);
    count += deleted;
    if (deleted < ROWS_AT_ONCE) return count;
  }
}

/**
 * An app's access token that would live longer than one issued now was issued while the clock was ahead: from now on it
 * lives as long as that one. Its app gets the next one as always. Others, made by hand or for renewal, keep their time.
 */
async function shortenTokens({ db, clock }: Pick<AuthContext, 'db' | 'clock'>): Promise<void> {
  if (clock.steadyFor() < CLOCK_GRACE) return;
  const end = clock.now() + TOKEN_SECONDS * 1000;
  await db
    .updateTable('access_tokens')
    .set({ expires_at: end })
    .where('expires_at', '>', end + CLOCK_TOLERANCE)
    .where('client_id', 'is not', null)
    .execute();
}
