import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ByteBudget } from './content/byte-budget.ts';
import type { ContentStore } from './content/content.ts';
import { openDiskStore } from './content/disk.ts';
import type { LocalFiles } from './content/local-file.ts';
import { openS3Store } from './content/open-s3-store.ts';
import { Spool } from './content/spool.ts';
import type { StoreMark } from './data/claim-store.ts';
import type { Storage } from './storage.ts';

/** The content store that the settings ask for. */
export interface OpenedContent {
  content: ContentStore;
  /** Resolves where the store can be reached, in bounded time, and cheap to ask often; absent where it is this machine's. */
  ready?(): Promise<void>;
  /** Where the store says which database names its bytes; absent where the data folder says it. */
  mark?: StoreMark;
  close(): void;
}

/** Opens the driver for `storage`, with what it keeps on this machine below `folder`. */
export async function openContent(
  storage: Storage,
  { folder, files, budget }: { folder: string; files: LocalFiles; budget: ByteBudget },
): Promise<OpenedContent> {
  if (storage.kind === 'disk') {
    // Downloads have as much as uploads, of their own: neither kind can take it from the other.
    const readAhead = new ByteBudget(budget.total);
    return { content: await openDiskStore(folder, { files, readAhead }), close() {} };
  }
  const spool = await Spool.open({ folder: join(folder, 'spool'), size: storage.spoolSize, budget });
  return openS3Store(storage, spool);
}

/**
 * The same store for a look from beside a server, which has the folder and its spool for itself: what comes into a spool
 * here lies in a temporary folder.
 */
export async function openContentBeside(storage: Storage, folder: string): Promise<OpenedContent> {
  if (storage.kind === 'disk') return { content: await openDiskStore(folder), close() {} };
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
