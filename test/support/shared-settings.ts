import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { s3Settings } from './storage.ts';

/** What the nodes of one cluster share. */
export interface SharedPlace {
  /** URL of their PostgreSQL database. */
  database: string;
  /** Their place in the store for tests, as `s3://bucket/prefix`. */
  storage: string;
  /** Where that store answers. */
  s3: string;
}

/** Settings that are the same on all nodes of a cluster, with new secrets, of which the key lies in `folder`. */
export async function sharedSettings(folder: string, { database, storage, s3 }: SharedPlace) {
  const signingKey = join(folder, 'signing-key');
  await writeFile(signingKey, randomBytes(32).toString('hex'), { mode: 0o600 });
  return {
    PARTWAY_TOKEN: randomBytes(16).toString('hex'),
    PARTWAY_SIGNING_KEY_FILE: signingKey,
    PARTWAY_DATABASE: database,
    ...s3Settings(s3, storage),
  };
}
