import { type Expression, type SqlBool, sql } from 'kysely';

/** Whether a user's row leaves room for so many bytes more. A user's own quota goes before the server's; -1 is none. */
export function isWithinQuota(bytes: number, userQuota: number | undefined): Expression<SqlBool> {
  const quota = sql<number>`coalesce(space_quota, ${userQuota ?? -1})`;
  return sql<SqlBool>`(${quota} < 0 or space_used + space_reserved + ${bytes} <= ${quota})`;
}
