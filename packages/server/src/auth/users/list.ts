import type { UserId } from '@partway/protocol/ids';
import { foldCase } from '@partway/protocol/text';
import { type Kysely, sql } from 'kysely';
import type { Tables, UserRole, UserRow, UserSpaceRow } from '../../database/schema.ts';
import { inBatches } from '../../util/batches.ts';
import { DEVELOPER_LOGIN } from './developer.ts';

/** A user with their counters, and the ID of the app whose service user they are. */
export type Account = UserRow & UserSpaceRow & { app: string | null };

/** The role that a user has in effect: the developer and service users of apps are always administrators. */
export function effectiveRole({ login, app, role }: Pick<Account, 'login' | 'app' | 'role'>): UserRole {
  return login === DEVELOPER_LOGIN || app !== null ? 'admin' : role;
}

/** Users must match all filters that are set. */
export interface UserFilter {
  /** The beginning of the name or login, case-insensitive. */
  startsWith?: string | undefined;
  externalAppUserId?: string | undefined;
}

export function findAccount(db: Kysely<Tables>, id: UserId): Promise<Account | undefined> {
  return selectAccounts(db, {}).where('users.id', '=', id).executeTakeFirst();
}

/** Lists all users, oldest first. */
export function listAccounts(db: Kysely<Tables>): Promise<Account[]> {
  return selectAccounts(db, {}).orderBy('users.created_at').orderBy('users.id').execute();
}

export interface UserPage extends UserFilter {
  limit: number;
  /** Limit for the bytes of details. The page ends early at the limit, but has at least one user. */
  wideBytes?: number;
}

/** Lists users `offset` to `offset + limit - 1` by ID. `total` counts all users that match. */
export async function listUsersByOffset(
  db: Kysely<Tables>,
  { offset, limit, wideBytes, ...filter }: UserPage & { offset: number },
): Promise<{ entries: Account[]; total: number }> {
  const lengths = await selectLengths(db, filter).offset(offset).limit(limit).execute();
  const { total } = await selectUsers(db, filter)
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { entries: await loadAccounts(db, lengths, wideBytes), total: Number(total) };
}

/** Lists the first `limit` users by ID, or those after `after`. `next` is undefined at the end of the list. */
export async function listUsersByMarker(
  db: Kysely<Tables>,
  { after, limit, wideBytes, ...filter }: UserPage & { after: UserId | undefined },
): Promise<{ entries: Account[]; next: UserId | undefined }> {
  const lengths = await selectLengths(db, filter)
    .$if(after !== undefined, (query) => query.where('users.id', '>', after as UserId))
    .limit(limit + 1)
    .execute();
  const entries = await loadAccounts(db, lengths.slice(0, limit), wideBytes);
  return { entries, next: lengths.length > entries.length ? entries.at(-1)?.id : undefined };
}

function selectLengths(db: Kysely<Tables>, filter: UserFilter) {
  return selectUsers(db, filter)
    .select(['users.id', sql<number>`octet_length(users.details)`.as('bytes')])
    .orderBy('users.id');
}

/** Loads as many of these users as `maxBytes` allows, and at least one. */
async function loadAccounts(
  db: Kysely<Tables>,
  lengths: readonly { id: UserId; bytes: number }[],
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<Account[]> {
  let bytes = 0;
  const end = lengths.findIndex((user, index) => {
    bytes += Number(user.bytes);
    return bytes > maxBytes && index > 0;
  });
  const ids = lengths.slice(0, end === -1 ? lengths.length : end).map(({ id }) => id);
  return inBatches(ids, (batch) => selectAccounts(db, {}).where('users.id', 'in', batch).orderBy('users.id').execute());
}

function selectAccounts(db: Kysely<Tables>, filter: UserFilter) {
  return selectUsers(db, filter)
    .leftJoin('apps', 'apps.service_user_id', 'users.id')
    .selectAll('users')
    .select('apps.client_id as app');
}

/** Selects the users that match, except those that are being deleted. */
function selectUsers(db: Kysely<Tables>, { startsWith, externalAppUserId }: UserFilter) {
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
