import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import { foldCase } from '@partway/protocol/text';
import type { Transaction } from 'kysely';
import type { Tables, UserRole, UserRow } from '../../database/schema.ts';
import { DomainError } from '../../errors.ts';
import { inBatches } from '../../util/chunks.ts';
import type { AuthContext } from '../context.ts';
import { assertAdministers } from '../users/administrator.ts';
import { revokeUserTokens } from './revoke-tokens.ts';

type NamedUser = Pick<UserRow, 'id' | 'login' | 'role'>;

/**
 * Ends every login of these users: their access and refresh tokens, and the codes that would bring some. All of them or,
 * if one cannot be, none: refuses `not_found` with the name of one who is not there, and who is not for this administrator
 * (`assertAdministers`). The developer token is no login and stays.
 * @param named `by` says how far the caller administers.
 */
export async function terminateSessions(
  { db, tokens: cache }: Pick<AuthContext, 'db' | 'tokens'>,
  { ids, logins, by }: { ids: readonly string[]; logins: readonly string[]; by: UserRole },
): Promise<void> {
  const ended = await db.transaction().execute(async (tx) => {
    const users = [...(await findByIds(tx, ids)), ...(await findByLogins(tx, logins))];
    for (const user of users) await assertAdministers(tx, by, user);
    const tokens: string[] = [];
    // In the order of their ids, so that two calls at once do not wait for each other.
    for (const id of [...new Set(users.map((user) => user.id))].sort((one, other) => one - other)) {
      tokens.push(...(await revokeUserTokens(tx, id)));
    }
    return tokens;
  });
  cache.deleteAll(ended);
}

async function findByIds(tx: Transaction<Tables>, texts: readonly string[]): Promise<NamedUser[]> {
  const ids = texts.map((text) => (parseDecimalId(text) as UserId | undefined) ?? noUser(text));
  const rows = await inBatches([...new Set(ids)], (batch) => usersOf(tx).where('id', 'in', batch).execute());
  const found = new Set(rows.map(({ id }) => id));
  for (const id of ids) if (!found.has(id)) noUser(String(id));
  return rows;
}

async function findByLogins(tx: Transaction<Tables>, logins: readonly string[]): Promise<NamedUser[]> {
  const keys = [...new Set(logins.map(foldCase))];
  const rows = await inBatches(keys, (batch) => usersOf(tx).where('login_key', 'in', batch).execute());
  const found = new Set(rows.map(({ login }) => foldCase(login)));
  for (const login of logins) if (!found.has(foldCase(login))) noUser(login);
  return rows;
}

function usersOf(tx: Transaction<Tables>) {
  return tx.selectFrom('users').select(['id', 'login', 'role']);
}

function noUser(name: string): never {
  throw new DomainError('not-found', `There is no user ${JSON.stringify(name)}; nobody's sessions were ended.`);
}
