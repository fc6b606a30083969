import type { Kysely } from 'kysely';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { until } from './until.ts';

/** Resolves once the sweep of a server has been through its rows: a row that it does remove is gone. */
export async function swept(db: Kysely<Tables>): Promise<void> {
  await db
    .insertInto('used_assertions')
    .values({ client_id: await anApp(db), jti: `swept-${Math.random()}`, expires_at: 0 })
    .execute();
  await until(async () => (await db.selectFrom('used_assertions').selectAll().execute()).length === 0);
}

async function anApp(db: Kysely<Tables>): Promise<string> {
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
