import { type RawBuilder, type SqlBool, sql } from 'kysely';

/**
 * Whether a user's row leaves room for so many bytes more. A user's own quota goes before the server's; -1 is none, and
 * then the sum still stays below 2^53: beyond it numbers are no longer exact.
 */
export function isWithinQuota(bytes: number, userQuota: number | undefined): RawBuilder<SqlBool> {
  const quota = sql<number>`coalesce(space_quota, ${userQuota ?? -1})`;
  const most = Number.MAX_SAFE_INTEGER - bytes;
  return sql<SqlBool>`(space_used + space_reserved <= ${most}
    and (${quota} < 0 or space_used + space_reserved + ${bytes} <= ${quota}))`;
}
