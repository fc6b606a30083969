import { Refusal } from '@partway/protocol/errors';
import type { Transaction } from 'kysely';
import type { Tables, UserRow, UserStatus } from '../../database/schema.ts';
import { endTokensOf } from '../tokens/end.ts';
import { isKeptByServer } from './administrator.ts';

/**
 * Says what a user may do from now on. The tokens of one who becomes inactive end, and do not come back. Refuses the
 * developer and the users of apps as `access_denied_insufficient_permissions`: the server needs them.
 */
export async function setStatus(tx: Transaction<Tables>, user: UserRow, status: UserStatus): Promise<void> {
  if (status === user.status) return;
  if (await isKeptByServer(tx, user)) {
    throw new Refusal(
      'access_denied_insufficient_permissions',
      'The developer and the users of apps are active always: the server needs them.',
    );
  }
  await tx.updateTable('users').set({ status }).where('id', '=', user.id).execute();
  if (status === 'inactive') await endTokensOf(tx, user.id);
}
