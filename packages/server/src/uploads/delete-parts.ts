import type { SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';

/** Rows of parts that one statement deletes at most. */
export const PARTS_AT_ONCE = 1_000;

/** Deletes the parts of a session that has ended, in statements that let others through. */
export async function deletePartsOf(db: Kysely<Tables>, session: SessionId): Promise<void> {
  for (;;) {
    const { numDeletedRows } = await db
      .deleteFrom('parts')
      .where('session_id', '=', session)
      .where('slot', 'in', (of) =>
        of.selectFrom('parts').select('slot').where('session_id', '=', session).orderBy('slot').limit(PARTS_AT_ONCE),
      )
      .executeTakeFirst();
    if (numDeletedRows < PARTS_AT_ONCE) return;
  }
}
