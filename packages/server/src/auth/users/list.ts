import type { UserId } from '@partway/protocol/ids';
import { foldCase } from '@partway/protocol/text';
import { type Kysely, sql } from 'kysely';
import type { Tables, UserRole, UserRow, UserSpaceRow } from '../../database/schema.ts';
import { inBatches } from '../../util/chunks.ts';
import { DEVELOPER_LOGIN } from './developer.ts';

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

/** A page of users. What is said of them is read for as many as `wideBytes` allow, and for one at least. */
export interface UserPage extends UserFilter {
  limit: number;
  wideBytes?: number;
}

/** Users in the order of their ids: `offset` to `offset + limit - 1`, or the first of them; and how many in all. */
export async function listUsersByOffset(
  db: Kysely<Tables>,
  { offset, limit, wideBytes, ...filter }: UserPage & { offset: number },
): Promise<{ entries: Account[]; total: number }> {
  const found = await lengthsOf(db, filter).offset(offset).limit(limit).execute();
  const { total } = await usersOf(db, filter)
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { entries: await accountsWithin(db, found, wideBytes), total: Number(total) };
}

/** The same behind the user `after`; `next` where more follow. */
export async function listUsersByMarker(
  db: Kysely<Tables>,
  { after, limit, wideBytes, ...filter }: UserPage & { after: UserId | undefined },
): Promise<{ entries: Account[]; next: UserId | undefined }> {
  const found = await lengthsOf(db, filter)
    .$if(after !== undefined, (query) => query.where('users.id', '>', after as UserId))
    .limit(limit + 1)
    .execute();
  const entries = await accountsWithin(db, found.slice(0, limit), wideBytes);
  return { entries, next: found.length > entries.length ? entries.at(-1)?.id : undefined };
}

function lengthsOf(db: Kysely<Tables>, filter: UserFilter) {
  return usersOf(db, filter)
    .select(['users.id', sql<number>`octet_length(users.details)`.as('bytes')])
    .orderBy('users.id');
}

async function accountsWithin(
  db: Kysely<Tables>,
  found: readonly { id: UserId; bytes: number }[],
  most = Number.POSITIVE_INFINITY,
): Promise<Account[]> {
  let bytes = 0;
  const first = found.findIndex((user, at) => {
    bytes += Number(user.bytes);
    return bytes > most && at > 0;
  });
  const ids = found.slice(0, first === -1 ? found.length : first).map(({ id }) => id);
  return inBatches(ids, (batch) => accountsOf(db, {}).where('users.id', 'in', batch).orderBy('users.id').execute());
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
