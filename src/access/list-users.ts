import { type Kysely, sql } from 'kysely';
import type { UserId } from '../api/ids.ts';
import type { Tables, UserRow, UserSpaceRow } from '../sql/tables.ts';

/** A user with the space they have. */
export type Account = UserRow & UserSpaceRow;

export function findAccount(db: Kysely<Tables>, id: UserId): Promise<Account | undefined> {
  return db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Users in the order of their ids: `offset` to `offset + limit - 1`, and how many in all. */
export async function listUsersByOffset(
  db: Kysely<Tables>,
  { startsWith, offset, limit }: { startsWith: string | undefined; offset: number; limit: number },
): Promise<{ entries: Account[]; total: number }> {
  const users = usersOf(db, startsWith);
  const entries = await users.selectAll().orderBy('id').offset(offset).limit(limit).execute();
  const { total } = await users.select(({ fn }) => fn.countAll().as('total')).executeTakeFirstOrThrow();
  return { entries, total: Number(total) };
}

/** The same behind the user `after`; `next` where more follow. */
export async function listUsersByMarker(
  db: Kysely<Tables>,
  { startsWith, after, limit }: { startsWith: string | undefined; after: UserId | undefined; limit: number },
): Promise<{ entries: Account[]; next: UserId | undefined }> {
  const found = await usersOf(db, startsWith)
    .selectAll()
    .$if(after !== undefined, (query) => query.where('id', '>', after as UserId))
    .orderBy('id')
    .limit(limit + 1)
    .execute();
  const entries = found.slice(0, limit);
  return { entries, next: found.length > limit ? entries.at(-1)?.id : undefined };
}

/** Those whose name or login begins so, in any case of the letters a to z. */
function usersOf(db: Kysely<Tables>, startsWith: string | undefined) {
  const pattern = `${(startsWith ?? '').replaceAll(/[\\%_]/g, '\\$&')}%`;
  return db
    .selectFrom('users')
    .$if(startsWith !== undefined, (query) =>
      query.where(({ or, ref }) =>
        or(
          (['name', 'login'] as const).map(
            (column) => sql<boolean>`lower(${ref(column)}) like lower(${pattern}) escape '\\'`,
          ),
        ),
      ),
    );
}
