import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { type ClusterSetting, setIfAbsent } from '../database/metadata.ts';
import type { Tables } from '../database/schema.ts';

/** Secrets that all nodes on one database have to share. */
interface SharedSecrets {
  signingKey: Buffer;
  developerToken: string;
}

/**
 * Checks that this node has the same secrets as the other nodes on its database: a download URL that one node signs can be
 * requested from another, and all nodes accept the same developer token. The first node stores the fingerprints of its
 * secrets in the database. Throws an error that says what to do if they differ.
 */
export async function checkSharedSecrets(
  db: Kysely<Tables>,
  { signingKey, developerToken }: SharedSecrets,
  dataFolder: string,
): Promise<void> {
  await assertSame(
    db,
    'signing-key-sha256',
    signingKey,
    "This node's signing key differs from the other nodes' key. Copy the file signing-key from the data folder of another " +
      `node to ${dataFolder}/signing-key, or set PARTWAY_SIGNING_KEY_FILE to a copy.`,
  );
  await assertSame(
    db,
    'developer-token-sha256',
    developerToken,
    "This node's developer token differs from the other nodes' token. Set PARTWAY_TOKEN to the same value on all nodes, or " +
      `copy the file developer-token from the data folder of another node to ${dataFolder}/developer-token.`,
  );
}

async function assertSame(
  db: Kysely<Tables>,
  name: ClusterSetting,
  secret: string | Buffer,
  message: string,
): Promise<void> {
  const fingerprint = createHash('sha256').update(secret).digest('hex');
  if ((await setIfAbsent(db, name, fingerprint)) === fingerprint) return;
  throw new Error(
    `${message} If you changed it on purpose, run \`partway secrets forget\`, then start all nodes with the new one.`,
  );
}
