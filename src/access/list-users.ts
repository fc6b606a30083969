import { type Kysely, sql } from 'kysely';
import { foldCase } from '../api/fold-case.ts';
import type { UserId } from '../api/ids.ts';
import type { Tables, UserRole, UserRow, UserSpaceRow } from '../sql/tables.ts';
import { DEVELOPER_LOGIN } from './ensure-developer.ts';

/** A user with the space they have. */
export type Account = UserRow & UserSpaceRow & { app: string | null };

/** The role of a user: that of the developer and of an app when it acts for itself is to administer, whatever was said. */
export function roleOf({ login, app, role }: Pick<Account, 'login' | 'app' | 'role'>): UserRole {
  return login === DEVELOPER_LOGIN || app !== null ? 'admin' : role;
}

/** Which users a list holds: all, where both are left out. */
export interface UserFilter {
  /** How a name or login begins. */
  startsWith?: string | undefined;
  /** What an app calls the user, exactly. */
  externalAppUserId?: string | undefined;
}

export function findAccount(db: Kysely<Tables>, id: UserId): Promise<Account | undefined> {
  return accountsOf(db, {}).where('users.id', '=', id).executeTakeFirst();
}

/** All users, the oldest first. */
export function listAccounts(db: Kysely<Tables>): Promise<Account[]> {
  return accountsOf(db, {}).orderBy('users.created_at').orderBy('users.id').execute();
}

/** Users in the order of their ids: `offset` to `offset + limit - 1`, and how many in all. */
export async function listUsersByOffset(
  db: Kysely<Tables>,
  { offset, limit, ...filter }: UserFilter & { offset: number; limit: number },
): Promise<{ entries: Account[]; total: number }> {
  const entries = await accountsOf(db, filter).orderBy('users.id').offset(offset).limit(limit).execute();
  const { total } = await usersOf(db, filter)
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { entries, total: Number(total) };
}

/** The same behind the user `after`; `next` where more follow. */
export async function listUsersByMarker(
  db: Kysely<Tables>,
  { after, limit, ...filter }: UserFilter & { after: UserId | undefined; limit: number },
): Promise<{ entries: Account[]; next: UserId | undefined }> {
  const found = await accountsOf(db, filter)
    .$if(after !== undefined, (query) => query.where('users.id', '>', after as UserId))
    .orderBy('users.id')
    .limit(limit + 1)
    .execute();
  const entries = found.slice(0, limit);
  return { entries, next: found.length > limit ? entries.at(-1)?.id : undefined };
}

function accountsOf(db: Kysely<Tables>, filter: UserFilter) {
  return usersOf(db, filter)
    .leftJoin('apps', 'apps.service_user_id', 'users.id')
    .selectAll('users')
    .select('apps.client_id as app');
}

/** Those whose name or login begins so, in any case; without those who are being deleted. */
function usersOf(db: Kysely<Tables>, { startsWith, externalAppUserId }: UserFilter) {
  const pattern = `${foldCase(startsWith ?? '').replaceAll(/[\\%_]/g, '\\$&')}%`;
  return db
    .selectFrom('users')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('tree_jobs')
            .select('tree_jobs.id')
            .whereRef('tree_jobs.owner_id', '=', 'users.id')
            .where('tree_jobs.kind', '=', 'delete-user'),
        ),
      ),
    )
    .$if(externalAppUserId !== undefined, (query) =>
      query.where('users.external_app_user_id', '=', externalAppUserId as string),
    )
    .$if(startsWith !== undefined, (query) =>
      query.where(({ or, ref }) =>
        or(
          (['users.name_key', 'users.login_key'] as const).map(
            (column) => sql<boolean>`${ref(column)} like ${pattern} escape '\\'`,
          ),
        ),
      ),
    );
}
