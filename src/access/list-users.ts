import { type Kysely, sql } from 'kysely';
import type { UserId } from '../api/ids.ts';
import type { Tables, UserRow, UserSpaceRow } from '../sql/tables.ts';
import { DEVELOPER_LOGIN } from './ensure-developer.ts';

/** A user with the space they have. */
export type Account = UserRow & UserSpaceRow & { app: string | null };

/** Whether a user is an administrator: the developer, or an app when it acts for itself. */
export function administers({ login, app }: Pick<Account, 'login' | 'app'>): boolean {
  return login === DEVELOPER_LOGIN || app !== null;
}

export function findAccount(db: Kysely<Tables>, id: UserId): Promise<Account | undefined> {
  return accountsOf(db, undefined).where('users.id', '=', id).executeTakeFirst();
}

/** All users, the oldest first. */
export function listAccounts(db: Kysely<Tables>): Promise<Account[]> {
  return accountsOf(db, undefined).orderBy('users.created_at').orderBy('users.id').execute();
}

/** Users in the order of their ids: `offset` to `offset + limit - 1`, and how many in all. */
export async function listUsersByOffset(
  db: Kysely<Tables>,
  { startsWith, offset, limit }: { startsWith: string | undefined; offset: number; limit: number },
): Promise<{ entries: Account[]; total: number }> {
  const entries = await accountsOf(db, startsWith).orderBy('users.id').offset(offset).limit(limit).execute();
  const { total } = await usersOf(db, startsWith)
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { entries, total: Number(total) };
}

/** The same behind the user `after`; `next` where more follow. */
export async function listUsersByMarker(
  db: Kysely<Tables>,
  { startsWith, after, limit }: { startsWith: string | undefined; after: UserId | undefined; limit: number },
): Promise<{ entries: Account[]; next: UserId | undefined }> {
  const found = await accountsOf(db, startsWith)
    .$if(after !== undefined, (query) => query.where('users.id', '>', after as UserId))
    .orderBy('users.id')
    .limit(limit + 1)
    .execute();
  const entries = found.slice(0, limit);
  return { entries, next: found.length > limit ? entries.at(-1)?.id : undefined };
}

function accountsOf(db: Kysely<Tables>, startsWith: string | undefined) {
  return usersOf(db, startsWith)
    .leftJoin('apps', 'apps.service_user_id', 'users.id')
    .selectAll('users')
    .select('apps.client_id as app');
}

/** Those whose name or login begins so, in any case of the letters a to z. */
function usersOf(db: Kysely<Tables>, startsWith: string | undefined) {
  const pattern = `${(startsWith ?? '').replaceAll(/[\\%_]/g, '\\$&')}%`;
  return db
    .selectFrom('users')
    .$if(startsWith !== undefined, (query) =>
      query.where(({ or, ref }) =>
        or(
          (['users.name', 'users.login'] as const).map(
            (column) => sql<boolean>`lower(${ref(column)}) like lower(${pattern}) escape '\\'`,
          ),
        ),
      ),
    );
}
