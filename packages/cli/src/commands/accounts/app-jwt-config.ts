import { open, rm } from 'node:fs/promises';
import type { NewApp } from '@partway/server/auth/accounts';
import { jwtConfig, makeKeyPair } from '@partway/server/auth/apps/jwt-config';
import { addAppKey } from '@partway/server/auth/apps/keys';
import type { Tables } from '@partway/server/database/schema';
import type { Kysely } from 'kysely';

/** Makes an app with a key pair, and writes what Box's SDKs read into a new file, for its owner only. */
export async function writeJwtConfig(
  db: Kysely<Tables>,
  path: string,
  make: () => Promise<NewApp>,
): Promise<{ made: NewApp; kids: string[] }> {
  await using file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? new Error(`${path} is there already: give another name, or move it away.`) : error;
  });
  try {
    const pair = await makeKeyPair();
    const made = await make();
    const clientId = made.app.client_id;
    const kid = await addAppKey(db, { clientId, pem: pair.publicKey, now: Date.now() });
    await file.writeFile(jwtConfig({ clientId, clientSecret: made.clientSecret, kid }, pair));
    return { made, kids: [kid] };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}
