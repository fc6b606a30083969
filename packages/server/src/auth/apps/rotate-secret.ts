import type { Kysely } from 'kysely';
import type { AppRow, Tables } from '../../database/schema.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { getChangeableApp } from './store.ts';

/**
 * Gives an app a new secret, which is returned only this once. The old secret stops working. Tokens that the app already
 * has stay valid. Throws a message for the operator if there is no such app.
 */
export async function rotateSecret(
  db: Kysely<Tables>,
  clientId: string,
): Promise<{ app: AppRow; clientSecret: string }> {
  const app = await getChangeableApp(db, clientId);
  const clientSecret = newSecret();
  await db
    .updateTable('apps')
    .set({ secret_sha256: hashSecret(clientSecret) })
    .where('client_id', '=', clientId)
    .execute();
  return { app, clientSecret };
}
