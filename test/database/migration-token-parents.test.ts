import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { MIGRATIONS } from '../../packages/server/src/database/migrate.ts';
import { onlySqlite } from '../support/rows.ts';
import { newDatabase } from './database.ts';

const OURS = '0012-token-parents-and-challenges';

test('of tokens made before, only those that do less than their login are taken for exchanged ones', {
  skip: onlySqlite,
}, async () => {
  await using database = await newDatabase();
  const db = database.openAsItIs() as unknown as Kysely<unknown>;
  for (const [name, { up }] of Object.entries(MIGRATIONS)) if (name < OURS) await up(db);
  await sql`pragma foreign_keys = off`.execute(db);
  for (const [token, grant, scopes, boundTo] of [
    ['whole', 'a', null, null],
    ['exchanged', 'a', 'item_preview', null],
    ['bound', 'a', null, 7],
    ['login-for-scopes', 'b', 'root_readonly', null],
    ['exchanged-of-scopes', 'b', 'item_preview', null],
    ['same-scopes-bound', 'b', 'root_readonly', 7],
  ] as const) {
    await sql`insert into access_tokens (token_sha256, id, grant_id, user_id, scopes, bound_to, expires_at)
      values (${token}, ${token}, ${grant}, 1, ${scopes}, ${boundTo}, 1)`.execute(db);
  }
  for (const [grant, scopes] of [
    ['a', null],
    ['b', 'root_readonly'],
  ] as const) {
    await sql`insert into refresh_tokens (token_sha256, id, grant_id, user_id, client_id, scopes, expires_at)
      values (${grant}, ${grant}, ${grant}, 1, 'app', ${scopes}, 1)`.execute(db);
  }
  await MIGRATIONS[OURS]?.up(db);
  const { rows } = await sql<{
    id: string;
  }>`select id from access_tokens where parent_sha256 is null order by id`.execute(db);
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['login-for-scopes', 'whole'],
  );
});
