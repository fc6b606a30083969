import type { SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { Part } from '../uploads/session.ts';

/** Makes a stored part one that is missing, so that its client sends it again; false where it is no longer as given. */
export async function forgetPart(db: Kysely<Tables>, session: SessionId, { slot, sha1 }: Part): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('parts')
    .where('session_id', '=', session)
    .where('slot', '=', slot)
    .where('sha1', '=', sha1)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}
