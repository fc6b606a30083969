import type { Transaction } from 'kysely';
import { parseDecimalId, type UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import { inBatches } from '../files/in-batches.ts';
import type { Tables } from '../sql/tables.ts';
import type { Access } from './access.ts';
import { endTokensOf } from './end-tokens.ts';

/**
 * Ends every login of these users: their access and refresh tokens, and the codes that would bring some. All of them or,
 * if one is not there, none: refuses `not_found` with the name. The developer token is no login and stays.
 */
export async function terminateSessions(
  { db, cache }: Pick<Access, 'db' | 'cache'>,
  { ids, logins }: { ids: readonly string[]; logins: readonly string[] },
): Promise<void> {
  const ended = await db.transaction().execute(async (tx) => {
    const users = await findUsers(tx, ids, logins);
    const tokens: string[] = [];
    for (const id of users) tokens.push(...(await endTokensOf(tx, id)));
    return tokens;
  });
  cache.deleteAll(ended);
}

/** In the order of their ids, in which everybody locks users. */
async function findUsers(
  tx: Transaction<Tables>,
  ids: readonly string[],
  logins: readonly string[],
): Promise<UserId[]> {
  const wanted = new Map(ids.map((text) => [parseDecimalId(text) as UserId | undefined, text]));
  const byId = await inBatches(
    [...wanted.keys()].filter((id) => id !== undefined),
    (batch) => tx.selectFrom('users').select('id').where('id', 'in', batch).execute(),
  );
  const found = new Set(byId.map(({ id }) => id));
  for (const [id, text] of wanted) if (id === undefined || !found.has(id)) throw noUser(text);
  const byLogin = await inBatches([...new Set(logins)], (batch) =>
    tx.selectFrom('users').select(['id', 'login']).where('login', 'in', batch).execute(),
  );
  const known = new Set(byLogin.map(({ login }) => login));
  for (const login of logins) if (!known.has(login)) throw noUser(login);
  for (const { id } of byLogin) found.add(id);
  return [...found].sort((one, other) => one - other);
}

function noUser(name: string): Refusal {
  return new Refusal('not_found', `There is no user ${JSON.stringify(name)}; nobody's sessions were ended.`);
}
