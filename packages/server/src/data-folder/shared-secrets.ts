import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { type ClusterSetting, setIfAbsent } from '../database/metadata.ts';
import type { Tables } from '../database/schema.ts';

/** What all nodes on one database have to have in common. */
interface SharedSecrets {
  signingKey: Buffer;
  developerToken: string;
}

/**
 * Makes sure that this node has the secrets of the nodes before it: an address that one signs is asked of another, and a
 * token that one takes comes to all. The first node says by their fingerprints which they are. Throws with what to do.
 */
export async function checkSharedSecrets(
  db: Kysely<Tables>,
  { signingKey, developerToken }: SharedSecrets,
  dataFolder: string,
): Promise<void> {
  await agree(
    db,
    'signing-key-sha256',
    signingKey,
    `This node would sign with another key than the nodes before it. Copy the file signing-key of one of their data folders ` +
      `to ${dataFolder}/signing-key, or name a copy with PARTWAY_SIGNING_KEY_FILE.`,
  );
  await agree(
    db,
    'developer-token-sha256',
    developerToken,
    `This node has another developer token than the nodes before it. Give PARTWAY_TOKEN the same value on all, or copy the ` +
      `file developer-token of one of their data folders to ${dataFolder}/developer-token.`,
  );
}

async function agree(db: Kysely<Tables>, name: ClusterSetting, secret: string | Buffer, remedy: string): Promise<void> {
  const fingerprint = createHash('sha256').update(secret).digest('hex');
  if ((await setIfAbsent(db, name, fingerprint)) === fingerprint) return;
  throw new Error(
    `${remedy} If it was changed on purpose: \`partway secrets forget\`, then start all nodes with the new one.`,
  );
}
