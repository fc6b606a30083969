import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { newSecret } from '../auth/secrets.ts';
import { lockFolder } from './lock.ts';
import type { OwnershipMarker } from './ownership.ts';
import { readDurably, readOrCreateSecret, writeAtomically } from './secret-file.ts';

/** The folder of one server: secrets and, by default, database and blobs. docs/understand/formats.md lists its files. */
interface DataFolder {
  path: string;
  /** Path of the SQLite file. It exists only if the server uses SQLite. */
  database: string;
  /** Says which database the blobs in this folder belong to. */
  marker: OwnershipMarker;
  /** The developer token. The first start generates it. */
  developerToken(): Promise<string>;
  /** 32 random bytes that sign download URLs. The first start generates them. */
  signingKey(): Promise<Buffer>;
  close(): void;
}

/**
 * Locks the folder for this process. Creates it if necessary, readable only by its owner.
 * @param hasDatabase True if the database is in this folder and not on a database server.
 */
export function openDataFolder(path: string, { hasDatabase }: { hasDatabase: boolean }): DataFolder {
  const created = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (created !== undefined) chmodSync(path, 0o700);
  const unlock = lockFolder(path);
  try {
    if (hasDatabase) assertDatabaseExists(path);
  } catch (error) {
    unlock();
    throw error;
  }
  return {
    path,
    database: databasePath(path),
    marker: ownershipMarkerIn(path),
    developerToken: () => readOrCreateSecret(join(path, 'developer-token'), newSecret),
    signingKey: async () =>
      Buffer.from(await readOrCreateSecret(join(path, 'signing-key'), () => randomBytes(32).toString('hex')), 'hex'),
    close: unlock,
  };
}

/** With these errors, the user cannot open the parent folder, or it cannot change. So Partway did not create it. */
const NOT_CREATED_BY_US = ['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ENOTSUP'];

/**
 * Resolves once the data folder's name, and the names of all its parent folders, would survive a power cut. Any of them may
 * be new: created by this process, or by one that was killed before it synced them.
 */
export async function syncNamesAbove(path: string): Promise<void> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      await using handle = await open(folder, 'r');
      await handle.sync();
    } catch (error) {
      if (!NOT_CREATED_BY_US.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    if (folder === dirname(folder)) return;
  }
}

/** The ownership marker of the blobs in a data folder. */
export function ownershipMarkerIn(folder: string): OwnershipMarker {
  const place = join(folder, 'database-id');
  return { place, read: () => readDurably(place), write: (id) => writeAtomically(place, `${id}\n`) };
}

/** Throws if there are blobs but no database. With a new, empty database, garbage collection would delete all blobs. */
function assertDatabaseExists(path: string): void {
  const blobs = join(path, 'blobs');
  if (existsSync(databasePath(path)) || !existsSync(blobs) || readdirSync(blobs).length === 0) return;
  throw new Error(
    `${path} holds the bytes of files but no database (partway.sqlite). Restore the database from a backup, set ` +
      'PARTWAY_DATABASE if it is on a PostgreSQL server, or use another PARTWAY_DATA. A start with a new database would ' +
      'delete the bytes, because no row would refer to them.',
  );
}

/** The path of the SQLite file in a data folder. */
export function databasePath(folder: string): string {
  return join(folder, 'partway.sqlite');
}
