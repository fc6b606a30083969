import { createHash } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContentStore, Receipt, Slot, Staging } from '../../packages/server/src/storage/blob-store.ts';
import { LostParts } from '../../packages/server/src/storage/blob-store.ts';
import { collect } from '../conformance/content-samples.ts';

/** A store as one node sees it. */
export interface SpoolingStore extends ContentStore {
  /** The bytes that were kept for the digest go, as a spool that is full lets them go. */
  giveUp(): void;
}

/**
 * A store on a disk that behaves as one beyond a network does: it sees no byte of a part before the body has ended;
 * only the parts that came through this node are at hand, as they came, until the digest has passed them; a part that
 * was overwritten is found out when the file is sealed, and of one that is sealed already no part is looked at. Nodes share the store below, and have a `folder` each.
 */
export function spooling(store: ContentStore, folder: string): SpoolingStore {
  const atHand = new Map<string, string>();
  const key = (staging: Staging, slot: Slot) => `${staging.content} ${slot.index}`;
  let files = 0;

  return {
    begin: (content, grid) => store.begin(content, grid),
    async write(staging, slot, body) {
      const bytes = Buffer.concat(await collect(body));
      const receipt = createHash('sha1').update(bytes).digest('hex');
      await store.write(
        staging,
        slot,
        (async function* () {
          yield new Uint8Array(bytes);
        })(),
      );
      await mkdir(folder, { recursive: true });
      const path = join(folder, String(files++));
      await writeFile(path, bytes);
      atHand.set(key(staging, slot), path);
      return receipt;
    },
    locate: async (staging, slot) => {
      const path = atHand.get(key(staging, slot));
      return path === undefined ? undefined : { path, offset: 0, length: slot.length };
    },
    release: async (staging, slot) => {
      atHand.delete(key(staging, slot));
    },
    async seal(staging, receipts) {
      const lost = await overwritten(store, staging, receipts);
      if (lost.length > 0) throw new LostParts(lost);
      await store.seal(staging, receipts);
    },
    put: (content, body) => store.put(content, body),
    open: (content, range) => store.open(content, range),
    remove: (target) => store.remove(target),
    has: (staging) => store.has(staging),
    isSealed: (content) => store.isSealed(content),
    list: () => store.list(),
    parts: () => store.parts(),
    look: (part) => store.look(part),
    giveUp: () => atHand.clear(),
  };
}

async function overwritten(store: ContentStore, staging: Staging, receipts: readonly Receipt[]): Promise<number[]> {
  const { fileSize, partSize } = staging.grid;
  const lost: number[] = [];
  for (const [index, receipt] of receipts.entries()) {
    const offset = index * partSize;
    const slot = { index, offset, length: Math.min(partSize, fileSize - offset) };
    const there = await store.locate(staging, slot);
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
