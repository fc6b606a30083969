import { type RawBuilder, type SqlBool, sql } from 'kysely';

/**
 * Whether a user's row leaves room for so many bytes more. A user's own quota goes before the server's; -1 is none, and
 * then the sum still stays below 2^53: beyond it numbers are no longer exact.
 */
export function isWithinQuota(bytes: number, userQuota: number | undefined): RawBuilder<SqlBool> {
  // Wider than a bigint, which PostgreSQL refuses to overflow: a row beyond 2^53 has no room, and is no error.
  const taken = sql<number>`(cast(space_used as numeric) + space_reserved)`;
  const quota = sql<number>`coalesce(space_quota, ${userQuota ?? -1})`;
  const most = Number.MAX_SAFE_INTEGER - bytes;
  return sql<SqlBool>`(${taken} <= ${most}
    and (${quota} < 0 or ${taken} + ${bytes} <= ${quota}))`;
}
