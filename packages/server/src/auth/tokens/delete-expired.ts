import type { Millis } from '@partway/protocol/ids';
import { sql } from 'kysely';
import { CLOCK_GRACE, CLOCK_TOLERANCE } from '../../time/clock.ts';
import { type AuthContext, TOKEN_SECONDS } from '../context.ts';

const DAY: Millis = 24 * 3_600_000;
/** Expired access tokens stay for this time, because clients renew a token only if the server reports it as expired. */
const TOKEN_RETENTION: Millis = 7 * DAY;
/** Used assertions stay for this time after they expire, so that they do not work again if the clock is set back. */
const ASSERTION_RETENTION: Millis = DAY;

/** Maximum number of rows that one statement deletes. */
const BATCH_ROWS = 1_000;

/** Deletes expired tokens, codes and used assertions. Returns the number of deleted rows. */
export async function deleteExpiredTokens({ db, clock }: Pick<AuthContext, 'db' | 'clock'>): Promise<number> {
  await shortenTokens({ db, clock });
  const at = clock.expiryTime();
  const counts = [
    await deleteExpired(db, 'access_tokens', ['token_sha256'], at - TOKEN_RETENTION),
    await deleteExpired(db, 'refresh_tokens', ['token_sha256'], at),
    await deleteExpired(db, 'authorization_codes', ['code_sha256'], at),
    await deleteExpired(db, 'used_assertions', ['client_id', 'jti'], at - ASSERTION_RETENTION),
  ];
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Deletes the rows that expired at `before` or earlier, in batches between which other statements run. */
async function deleteExpired(
  db: AuthContext['db'],
  table: 'access_tokens' | 'refresh_tokens' | 'authorization_codes' | 'used_assertions',
  key: readonly string[],
  before: Millis,
): Promise<number> {
  const columns = sql.join(key.map((column) => sql.ref(column)));
  for (let count = 0; ; ) {
    const { numAffectedRows } = await sql`delete from ${sql.table(table)} where (${columns}) in
      (select ${columns} from ${sql.table(table)} where expires_at <= ${before} limit ${BATCH_ROWS})`.execute(db);
    const deleted = Number(numAffectedRows ?? 0);
    count += deleted;
    if (deleted < BATCH_ROWS) return count;
  }
}

/**
 * Shortens access tokens of apps that expire later than a token issued now would: they were issued while the clock was
 * ahead. Their apps can renew them as usual. Refresh tokens and tokens that an operator created keep their lifetimes.
 */
async function shortenTokens({ db, clock }: Pick<AuthContext, 'db' | 'clock'>): Promise<void> {
  if (clock.steadyFor() < CLOCK_GRACE) return;
  const latestExpiry = clock.now() + TOKEN_SECONDS * 1000;
  await db
    .updateTable('access_tokens')
    .set({ expires_at: latestExpiry })
    .where('expires_at', '>', latestExpiry + CLOCK_TOLERANCE)
    .where('client_id', 'is not', null)
    .execute();
}
