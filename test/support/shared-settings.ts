import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { s3Settings } from './storage.ts';

/** What the nodes of a cluster share. */
export interface SharedServices {
  /** URL of their PostgreSQL database. */
  database: string;
  /** Their place in the test store, as `s3://bucket/prefix`. */
  storage: string;
  /** The endpoint of that store. */
  s3: string;
}

/** Settings that are the same on all nodes of a cluster, with new secrets; the signing key is stored in `folder`. */
export async function sharedSettings(folder: string, { database, storage, s3 }: SharedServices) {
  const signingKey = join(folder, 'signing-key');
  await writeFile(signingKey, randomBytes(32).toString('hex'), { mode: 0o600 });
  return {
    PARTWAY_TOKEN: randomBytes(16).toString('hex'),
    PARTWAY_SIGNING_KEY_FILE: signingKey,
    PARTWAY_DATABASE: database,
    ...s3Settings(s3, storage),
  };
}
