import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Storage, Storage } from '../config/storage.ts';
import type { OwnershipMarker } from '../data-folder/ownership.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { ByteBudget } from '../storage/byte-budget.ts';
import { openDiskStore } from '../storage/disk/disk-store.ts';
import type { DurableFiles } from '../storage/disk/durable-files.ts';
import { Spool } from '../storage/spool/spool.ts';

export interface OpenedStorage {
  blobs: BlobStore;
  /** Resolves if the store can be reached; bounded in time and cheap. Absent for a local disk. */
  ready?(): Promise<void>;
  /** The store's ownership marker. Absent if the data folder has it. */
  marker?: OwnershipMarker;
  close(): void;
}

/** Opens the blob store that the settings select. `folder` is for its local files: the blobs or the spool. */
export async function openStorage(
  storage: Storage,
  { folder, files, budget }: { folder: string; files: DurableFiles; budget: ByteBudget },
): Promise<OpenedStorage> {
  if (storage.kind === 'disk') {
    // Downloads have a budget of the same size, so that uploads and downloads cannot use up each other's memory.
    const readAhead = new ByteBudget(budget.total);
    return { blobs: await openDiskStore(folder, { files, readAhead }), close() {} };
  }
  return openS3(storage, join(folder, 'spool'), budget);
}

/** Loads the AWS SDK only if it is used, because it takes time and memory. */
async function openS3(storage: S3Storage, spoolFolder: string, budget: ByteBudget): Promise<OpenedStorage> {
  const { openS3Store } = await import('../storage/s3/open-s3-store.ts');
  return openS3Store(storage, await Spool.open({ folder: spoolFolder, size: storage.spoolSize, budget }));
}

/** Opens the same store for another process than the server, such as fsck. Its spool is in a temporary folder. */
export async function openStorageBeside(storage: Storage, folder: string): Promise<OpenedStorage> {
  if (storage.kind === 'disk') return { blobs: await openDiskStore(folder), close() {} };
  const spoolFolder = await mkdtemp(join(tmpdir(), 'partway-spool-'));
  const store = await openS3(storage, spoolFolder, new ByteBudget());
  return {
    ...store,
    close() {
      store.close();
      rmSync(spoolFolder, { recursive: true, force: true });
    },
  };
}
