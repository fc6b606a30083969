import { createHash } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore, PartRange, PartTag, StagedBlob } from '../../packages/server/src/storage/blob-store.ts';
import { LostPartsError } from '../../packages/server/src/storage/blob-store.ts';
import { collect } from '../conformance/blob-samples.ts';

/** A store as one node sees it. */
export interface SpoolingStore extends BlobStore {
  /** Drops the local parts kept for hashing, like a full spool does. */
  dropAllLocalParts(): void;
}

/**
 * A disk store that behaves like a remote one: it gets no byte of a part before the body has ended. Only parts that
 * arrived through this node are available locally, until they have been hashed; an overwritten part is detected when
 * the file is completed, and the parts of a completed file are not checked. Nodes share the store below, and each has
 * its own `folder`.
 */
export function createSpoolingStore(store: BlobStore, folder: string): SpoolingStore {
  const localParts = new Map<string, string>();
  const key = (staged: StagedBlob, range: PartRange) => `${staged.blob} ${range.index}`;
  let files = 0;

  return {
    create: (blob, layout) => store.create(blob, layout),
    verifiesParts: () => false,
    async writePart(staged, range, body) {
      const bytes = Buffer.concat(await collect(body));
      const receipt = createHash('sha1').update(bytes).digest('hex');
      await store.writePart(
        staged,
        range,
        (async function* () {
          yield new Uint8Array(bytes);
        })(),
      );
      await mkdir(folder, { recursive: true });
      const path = join(folder, String(files++));
      await writeFile(path, bytes);
      localParts.set(key(staged, range), path);
      return receipt;
    },
    localPart: async (staged, range) => {
      const path = localParts.get(key(staged, range));
      return path === undefined ? undefined : { path, offset: 0, length: range.length };
    },
    dropLocalPart: async (staged, range) => {
      localParts.delete(key(staged, range));
    },
    async complete(staged, receipts) {
      const lost = await listOverwrittenParts(store, staged, receipts);
      if (lost.length > 0) throw new LostPartsError(lost);
      await store.complete(staged, receipts);
    },
    put: (blob, body) => store.put(blob, body),
    read: (blob, range) => store.read(blob, range),
    remove: (target) => store.remove(target),
    exists: (staged) => store.exists(staged),
    isComplete: (blob) => store.isComplete(blob),
    list: () => store.list(),
    sections: () => store.sections(),
    find: (part) => store.find(part),
    dropAllLocalParts: () => localParts.clear(),
  };
}

async function listOverwrittenParts(
  store: BlobStore,
  staged: StagedBlob,
  receipts: readonly PartTag[],
): Promise<number[]> {
  const { fileSize, partSize } = staged.layout;
  const lost: number[] = [];
  for (const [index, receipt] of receipts.entries()) {
    const offset = index * partSize;
    const slot = { index, offset, length: Math.min(partSize, fileSize - offset) };
    const there = await store.localPart(staged, slot);
    if (there !== undefined && !there.path.includes('/staging/')) return [];
    // If another node has completed the file in the meantime, it has moved.
    const sha1 = there && (await sha1Of(there).catch(ignoreMoved));
    if (sha1 !== undefined && sha1 !== receipt) lost.push(index);
  }
  return lost;
}

async function sha1Of({ path, offset, length }: { path: string; offset: number; length: number }): Promise<string> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
    return createHash('sha1').update(buffer).digest('hex');
  } finally {
    await file.close();
  }
}

function ignoreMoved(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
