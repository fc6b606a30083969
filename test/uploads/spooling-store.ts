import { createHash } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore, PartRange, PartTag, StagedBlob } from '../../packages/server/src/storage/blob-store.ts';
import { LostPartsError } from '../../packages/server/src/storage/blob-store.ts';
import { collect } from '../conformance/content-samples.ts';

/** A store as one node sees it. */
export interface SpoolingStore extends BlobStore {
  /** The bytes that were kept for the digest go, as a spool that is full lets them go. */
  giveUp(): void;
}

/**
 * A store on a disk that behaves as one beyond a network does: it sees no byte of a part before the body has ended;
 * only the parts that came through this node are at hand, as they came, until the digest has passed them; a part that
 * was overwritten is found out when the file is sealed, and of one that is sealed already no part is looked at. Nodes share the store below, and have a `folder` each.
 */
export function spooling(store: BlobStore, folder: string): SpoolingStore {
  const atHand = new Map<string, string>();
  const key = (staged: StagedBlob, range: PartRange) => `${staged.blob} ${range.index}`;
  let files = 0;

  return {
    create: (blob, layout) => store.create(blob, layout),
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
      atHand.set(key(staged, range), path);
      return receipt;
    },
    localPart: async (staged, range) => {
      const path = atHand.get(key(staged, range));
      return path === undefined ? undefined : { path, offset: 0, length: range.length };
    },
    dropLocalPart: async (staged, range) => {
      atHand.delete(key(staged, range));
    },
    async complete(staged, receipts) {
      const lost = await overwritten(store, staged, receipts);
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
    giveUp: () => atHand.clear(),
  };
}

async function overwritten(store: BlobStore, staged: StagedBlob, receipts: readonly PartTag[]): Promise<number[]> {
  const { fileSize, partSize } = staged.layout;
  const lost: number[] = [];
  for (const [index, receipt] of receipts.entries()) {
    const offset = index * partSize;
    const slot = { index, offset, length: Math.min(partSize, fileSize - offset) };
    const there = await store.localPart(staged, slot);
    if (there !== undefined && !there.path.includes('/staging/')) return [];
    // Sealed meanwhile by another node, a file is where it was not a moment ago.
    const sha1 = there && (await sha1Of(there).catch(unlessMoved));
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

function unlessMoved(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
