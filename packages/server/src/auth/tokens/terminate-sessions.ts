import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import { foldCase } from '@partway/protocol/text';
import type { Transaction } from 'kysely';
import type { Tables, UserRole, UserRow } from '../../database/schema.ts';
import { DomainError } from '../../errors.ts';
import { inBatches } from '../../util/batches.ts';
import type { AuthContext } from '../context.ts';
import { assertAdministers } from '../users/administrator.ts';
import { revokeUserTokens } from './revoke-tokens.ts';

type NamedUser = Pick<UserRow, 'id' | 'login' | 'role'>;

/**
 * Ends all logins of these users by revoking their access tokens, refresh tokens and authorization codes, for all of
 * them or none. The developer token stays valid. Throws `not-found` for the first unknown user, and the error of
 * `assertAdministers`.
 * @param request `by` is the caller's role.
 */
export async function terminateSessions(
  { db, tokens: cache }: Pick<AuthContext, 'db' | 'tokens'>,
  { ids, logins, by }: { ids: readonly string[]; logins: readonly string[]; by: UserRole },
): Promise<void> {
  const revoked = await db.transaction().execute(async (tx) => {
    const users = [...(await findByIds(tx, ids)), ...(await findByLogins(tx, logins))];
    for (const user of users) await assertAdministers(tx, by, user);
    const tokens: string[] = [];
    // In the order of their IDs, to avoid deadlocks between concurrent calls.
    for (const id of [...new Set(users.map((user) => user.id))].sort((one, other) => one - other)) {
      tokens.push(...(await revokeUserTokens(tx, id)));
    }
    return tokens;
  });
  cache.deleteAll(revoked);
}

async function findByIds(tx: Transaction<Tables>, texts: readonly string[]): Promise<NamedUser[]> {
  const ids = texts.map((text) => (parseDecimalId(text) as UserId | undefined) ?? throwNotFound(text));
  const rows = await inBatches([...new Set(ids)], (batch) => selectUsers(tx).where('id', 'in', batch).execute());
  const found = new Set(rows.map(({ id }) => id));
  for (const id of ids) if (!found.has(id)) throwNotFound(String(id));
  return rows;
}

async function findByLogins(tx: Transaction<Tables>, logins: readonly string[]): Promise<NamedUser[]> {
  const keys = [...new Set(logins.map(foldCase))];
  const rows = await inBatches(keys, (batch) => selectUsers(tx).where('login_key', 'in', batch).execute());
  const found = new Set(rows.map(({ login }) => foldCase(login)));
  for (const login of logins) if (!found.has(foldCase(login))) throwNotFound(login);
  return rows;
}

function selectUsers(tx: Transaction<Tables>) {
  return tx.selectFrom('users').select(['id', 'login', 'role']);
}

function throwNotFound(user: string): never {
  throw new DomainError('not-found', `The user ${JSON.stringify(user)} does not exist. No sessions were terminated.`);
}
