import type { Kysely } from 'kysely';
import type { ItemId, Millis, UserId } from '../api/ids.ts';
import { newId } from '../sql/new-id.ts';
import type { Tables, UserRow, UserStatus } from '../sql/tables.ts';
import type { Principal } from './principal.ts';

/**
 * Makes a user together with their root folder; undefined where the login is taken.
 * @param user `spaceQuota` in bytes: -1 for no limit, what the server is set to where it is left out.
 */
export async function insertUser(
  db: Kysely<Tables>,
  user: { login: string; name: string; now: Millis; spaceQuota?: number | undefined; status?: UserStatus | undefined },
): Promise<UserRow | undefined> {
  const { login, name, now, spaceQuota, status = 'active' } = user;
  const row: UserRow = {
    id: newId<UserId>(),
    login,
    name,
    root_id: newId<ItemId>(),
    created_at: now,
    password_hash: null,
    status,
  };
  return db.transaction().execute(async (tx) => {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('users')
      .values({ ...row, space_quota: spaceQuota ?? null })
      .onConflict((conflict) => conflict.column('login').doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows === 0n) return undefined;
    await tx
      .insertInto('items')
      .values({
        id: row.root_id,
        kind: 'folder',
        owner_id: row.id,
        parent_id: null,
        name: 'All Files',
        name_key: 'all files',
        description: '',
        etag: 0,
        version_id: null,
        created_at: now,
        modified_at: now,
        content_created_at: now,
        content_modified_at: now,
        created_by: row.id,
        modified_by: row.id,
        trashed_at: null,
        trashed_with: null,
      })
      .execute();
    return row;
  });
}

export function findUser(db: Kysely<Tables>, id: UserId): Promise<UserRow | undefined> {
  return db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
}

export function findUserByLogin(db: Kysely<Tables>, login: string): Promise<UserRow | undefined> {
  return db.selectFrom('users').selectAll().where('login', '=', login).executeTakeFirst();
}

/** The user with this login. Throws a sentence for the operator where there is none. */
export async function needUser(db: Kysely<Tables>, login: string): Promise<UserRow> {
  const user = await findUserByLogin(db, login);
  if (user === undefined) throw new Error(`There is no user with the login ${login}: partway user list shows all.`);
  return user;
}

export function principalOf(user: Pick<UserRow, 'id' | 'login' | 'name' | 'root_id' | 'status'>): Principal {
  return { userId: user.id, login: user.login, name: user.name, rootId: user.root_id, status: user.status };
}
