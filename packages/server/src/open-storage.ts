import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Storage } from './config/storage.ts';
import type { OwnershipMarker } from './data-folder/ownership.ts';
import type { BlobStore } from './storage/blob-store.ts';
import { openDiskStore } from './storage/disk/disk-store.ts';
import type { DurableFiles } from './storage/disk/durable-files.ts';
import { ByteBudget } from './storage/s3/byte-budget.ts';
import { openS3Store } from './storage/s3/open-s3-store.ts';
import { Spool } from './storage/spool/spool.ts';

/** The content store that the settings ask for. */
export interface OpenedStorage {
  blobs: BlobStore;
  /** Resolves where the store can be reached, in bounded time, and cheap to ask often; absent where it is this machine's. */
  ready?(): Promise<void>;
  /** Where the store says which database names its bytes; absent where the data folder says it. */
  marker?: OwnershipMarker;
  close(): void;
}

/** Opens the driver for `storage`, with what it keeps on this machine below `folder`. */
export async function openStorage(
  storage: Storage,
  { folder, files, budget }: { folder: string; files: DurableFiles; budget: ByteBudget },
): Promise<OpenedStorage> {
  if (storage.kind === 'disk') {
    // Downloads have as much as uploads, of their own: neither kind can take it from the other.
    const readAhead = new ByteBudget(budget.total);
    return { blobs: await openDiskStore(folder, { files, readAhead }), close() {} };
  }
  const spool = await Spool.open({ folder: join(folder, 'spool'), size: storage.spoolSize, budget });
  return openS3Store(storage, spool);
}

/**
 * The same store for a look from beside a server, which has the folder and its spool for itself: what comes into a spool
 * here lies in a temporary folder.
 */
export async function openStorageBeside(storage: Storage, folder: string): Promise<OpenedStorage> {
  if (storage.kind === 'disk') return { blobs: await openDiskStore(folder), close() {} };
  const spoolFolder = await mkdtemp(join(tmpdir(), 'partway-spool-'));
  const spool = await Spool.open({ folder: spoolFolder, size: storage.spoolSize, budget: new ByteBudget() });
  const store = await openS3Store(storage, spool);
  return {
    ...store,
    close() {
      store.close();
      rmSync(spoolFolder, { recursive: true, force: true });
    },
  };
}
