import type { Kysely } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { until } from './until.ts';

/** Resolves when the server's background job has deleted expired rows. */
export async function waitForCleanup(db: Kysely<Tables>): Promise<void> {
  await db
    .insertInto('used_assertions')
    .values({ client_id: await findOrCreateApp(db), jti: `swept-${Math.random()}`, expires_at: 0 })
    .execute();
  await until(async () => (await db.selectFrom('used_assertions').selectAll().execute()).length === 0);
}

async function findOrCreateApp(db: Kysely<Tables>): Promise<string> {
  const app = await db.selectFrom('apps').select('client_id').executeTakeFirst();
  if (app !== undefined) return app.client_id;
  const user = await db.selectFrom('users').select('id').executeTakeFirstOrThrow();
  const made = { client_id: 'swept', name: 'Swept', secret_sha256: '', service_user_id: user.id, created_at: 0 };
  await db
    .insertInto('apps')
    .values({ ...made, as_user: 0 })
    .execute();
  return made.client_id;
}
