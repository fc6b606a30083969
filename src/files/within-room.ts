import type { Kysely } from 'kysely';
import type { UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import { storageLimitExceeded } from './charge-space.ts';
import { spaceOf } from './space-of.ts';

/**
 * Passes a body on as long as there is room for it by what the user keeps now, and throws `storage_limit_exceeded` rather
 * than let the disk fill with what cannot be named. A promise of nothing: `chargeSpace` decides.
 */
export async function withinRoom(
  db: Kysely<Tables>,
  owner: UserId,
  userQuota: number | undefined,
): Promise<(body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>> {
  const { used, reserved, quota } = await spaceOf(db, owner, userQuota);
  if (quota === undefined) return (body) => body;
  const room = quota - used - reserved;
  return async function* (body) {
    let size = 0;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > room) throw storageLimitExceeded(size);
      yield chunk;
    }
  };
}
