import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { AuthorizationCodeRow, Tables, UsedAssertionRow } from '../../database/schema.ts';

// The SQL for assertions and authorization codes, which work once.

/** Records the use of an assertion. Returns true only for the first of several uses, even if they are concurrent. */
export async function insertUsedAssertion(db: Kysely<Tables>, used: UsedAssertionRow): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('used_assertions')
    .values(used)
    .onConflict((conflict) => conflict.columns(['client_id', 'jti']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

export async function insertCode(db: Kysely<Tables>, code: Omit<AuthorizationCodeRow, 'used_at'>): Promise<void> {
  await db
    .insertInto('authorization_codes')
    .values({ ...code, used_at: null })
    .execute();
}

export function findCode(db: Kysely<Tables>, codeSha256: string): Promise<AuthorizationCodeRow | undefined> {
  return db.selectFrom('authorization_codes').selectAll().where('code_sha256', '=', codeSha256).executeTakeFirst();
}

/** Marks a code as used. Returns true only for the first of several uses, even if they are concurrent. */
export async function useCode(db: Kysely<Tables>, codeSha256: string, now: Millis): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('authorization_codes')
    .set({ used_at: now })
    .where('code_sha256', '=', codeSha256)
    .where('used_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
