import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { newSecret } from '../auth/secrets.ts';
import { lockFolder } from './lock.ts';
import type { OwnershipMarker } from './ownership.ts';
import { readDurably, readOrCreateSecret, writeWhole } from './secret-file.ts';

/** The folder that one server owns: rows, bytes, secrets. docs/understand/formats.md names every file of it. */
interface DataFolder {
  path: string;
  /** The SQLite file, where the rows are here. */
  database: string;
  /** Says which database names the bytes of this folder. */
  marker: OwnershipMarker;
  /** The developer token: the kept one, made at the first start. */
  developerToken(): Promise<string>;
  /** 256 random bits that sign download addresses; made at the first start. */
  signingKey(): Promise<Buffer>;
  close(): void;
}

/**
 * Makes the folder where it is missing, readable by its owner only, and takes it for this process.
 * @param holdsRows Whether the rows are here too, and not in a database elsewhere.
 */
export function openDataFolder(path: string, { holdsRows }: { holdsRows: boolean }): DataFolder {
  const made = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) chmodSync(path, 0o700);
  const unlock = lockFolder(path);
  try {
    if (holdsRows) refuseLostDatabase(path);
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

/** A folder above that this user may not open, or that cannot change, was not made by Partway. */
const NOT_OURS = ['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ENOTSUP'];

/**
 * Resolves once the name of the data folder survives a power cut, with the names of all folders above it: one of them may
 * have been made a moment ago, by this process or by one that was killed before it came to syncing it.
 */
export async function syncNamesAbove(path: string): Promise<void> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      await using handle = await open(folder, 'r');
      await handle.sync();
    } catch (error) {
      if (!NOT_OURS.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    if (folder === dirname(folder)) return;
  }
}

/** Where a data folder says which database names its bytes. */
export function ownershipMarkerIn(folder: string): OwnershipMarker {
  const place = join(folder, 'database-id');
  return { place, read: () => readDurably(place), write: (id) => writeWhole(place, `${id}\n`) };
}

/**
 * Bytes whose database is gone: a new one would name none of them, and the sweep would take them all for garbage.
 */
function refuseLostDatabase(path: string): void {
  const content = join(path, 'blobs');
  if (existsSync(databasePath(path)) || !existsSync(content) || readdirSync(content).length === 0) return;
  throw new Error(
    `${path} holds the bytes of files but no database (partway.sqlite). Put the database back from a backup, name it ` +
      'with PARTWAY_DATABASE if it is elsewhere, or give another PARTWAY_DATA. Starting without it would remove the bytes, since nothing names them.',
  );
}

/** Where the rows of a data folder lie. */
export function databasePath(folder: string): string {
  return join(folder, 'partway.sqlite');
}
