import { open, readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { SourceIdentity } from '../state.ts';
import type { StreamedBody } from '../transport.ts';
import type { PartReader, ReadingPlan, UploadSource } from '../upload/source.ts';
import { HashThread } from './hash-thread.ts';
import type { PartMemory } from './part-memory.ts';

/** A file on the disk. @throws where it cannot be read or is none. */
export async function pathSource(given: string, pool: PartMemory): Promise<UploadSource> {
  const path = resolve(given);
  const identity = await identify(path);
  return {
    identity,
    name: basename(path),
    repeatable: true,
    again: () => pathSource(path, pool),
    whole: () => readFile(path),
    open: async (plan) => readPath(path, pool, plan),
    async isUnchanged() {
      const now = await identify(path).catch(() => undefined);
      return now?.size === identity.size && now.modifiedAt === identity.modifiedAt;
    },
  };
}

async function identify(path: string): Promise<SourceIdentity> {
  const found = await stat(path);
  if (!found.isFile()) throw new TypeError(`${path} is not a file.`);
  return { kind: 'path', name: path, size: found.size, modifiedAt: found.mtimeMs };
}

const PIECE = 1024 * 1024;

/**
 * Reads a file. Its parts are held while they are sent, if at least two fit into the memory that is allowed; larger ones
 * are read a second time, in pieces, while they are sent, and nearly nothing is held.
 */
function readPath(path: string, pool: PartMemory, { partSize, memory, parts }: ReadingPlan): PartReader {
  const fitting = Math.floor(memory / partSize);
  const holds = fitting >= 2;
  const thread = new HashThread(path);
  return {
    mostHeld: holds ? Math.min(fitting, parts) : parts,
    async take(offset, size) {
      if (!holds) {
        return { sha1: await thread.part(offset, size), body: readAgain(path, offset, size), release() {} };
      }
      const held = pool.take(partSize);
      const sha1 = await thread.part(offset, size, held);
      return { sha1, body: new Uint8Array(held, 0, size), release: () => pool.release(held) };
    },
    skip: (offset, size) => thread.part(offset, size),
    sha1: () => thread.whole(),
    [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
  };
}

/** The bytes of a part, read while they are sent. If they are others by then, the server finds that in the digest. */
function readAgain(path: string, offset: number, size: number): StreamedBody {
  return {
    size,
    async *open() {
      await using file = await open(path, 'r');
      // Written out before the next is read, so one piece of memory is enough.
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE, size));
      for (let done = 0; done < size; ) {
        const { bytesRead } = await file.read(piece, 0, Math.min(PIECE, size - done), offset + done);
        if (bytesRead === 0) throw new Error(`${path} ended at byte ${offset + done} while it was sent.`);
        yield piece.subarray(0, bytesRead);
        done += bytesRead;
      }
    },
  };
}
