import { type Kysely, sql } from 'kysely';

/** Which token an exchanged one was made from, and the challenge (PKCE) that a code was asked for with. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('access_tokens').addColumn('parent_sha256', 'text').execute();
  await db.schema.alterTable('authorization_codes').addColumn('code_challenge', 'text').execute();
  await db.schema.createIndex('access_tokens_by_parent').on('access_tokens').column('parent_sha256').execute();
  // Of what was made before, only this is known: a token that can do less than the login it belongs to was exchanged.
  await sql`update access_tokens set parent_sha256 = ''
    where (scopes is not null or bound_to is not null)
      and not (bound_to is null and exists (
        select 1 from refresh_tokens r where r.grant_id = access_tokens.grant_id and r.scopes = access_tokens.scopes))`.execute(
    db,
  );
}
