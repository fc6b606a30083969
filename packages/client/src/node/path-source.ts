import { open, readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { SourceIdentity } from '../state.ts';
import type { StreamedBody } from '../transport.ts';
import type { PartReader, ReadPlan, UploadSource } from '../upload/source.ts';
import { HashThread } from './hash-thread.ts';
import type { PartMemory } from './part-memory.ts';

/** A file on the disk. @throws if it cannot be read or is not a file. */
export async function pathSource(location: string, pool: PartMemory): Promise<UploadSource> {
  const path = resolve(location);
  const identity = await identify(path);
  return {
    identity,
    name: basename(path),
    repeatable: true,
    reopen: () => pathSource(path, pool),
    readAll: () => readFile(path),
    open: async (plan) => openPathReader(path, pool, plan),
    async isUnchanged() {
      const current = await identify(path).catch(() => undefined);
      return current?.size === identity.size && current.modifiedAt === identity.modifiedAt;
    },
  };
}

async function identify(path: string): Promise<SourceIdentity> {
  const found = await stat(path);
  if (!found.isFile()) throw new TypeError(`${path} is not a file.`);
  return { kind: 'path', name: path, size: found.size, modifiedAt: found.mtimeMs };
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * Reads a file. If at least two parts fit into `memory`, parts are kept while they are sent. Otherwise they are read a
 * second time, in chunks, while they are sent, which takes almost no memory.
 */
function openPathReader(path: string, pool: PartMemory, { partSize, memory, parts }: ReadPlan): PartReader {
  const capacity = Math.floor(memory / partSize);
  const keepsParts = capacity >= 2;
  const thread = new HashThread(path);
  return {
    maxUnreleased: keepsParts ? Math.min(capacity, parts) : parts,
    async readPart(offset, size) {
      if (!keepsParts) {
        return { sha1: await thread.hashPart(offset, size), body: streamRange(path, offset, size), release() {} };
      }
      const buffer = pool.allocate(partSize);
      const sha1 = await thread.hashPart(offset, size, buffer);
      return { sha1, body: new Uint8Array(buffer, 0, size), release: () => pool.release(buffer) };
    },
    hashPart: (offset, size) => thread.hashPart(offset, size),
    sha1: () => thread.finish(),
    [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
  };
}

/** Reads the bytes of a part while they are sent. If they have changed, the server detects it by the digest. */
function streamRange(path: string, offset: number, size: number): StreamedBody {
  return {
    size,
    async *open() {
      await using file = await open(path, 'r');
      // Each chunk is written before the next one is read, so one buffer is enough.
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, size));
      for (let done = 0; done < size; ) {
        const { bytesRead } = await file.read(chunk, 0, Math.min(CHUNK_BYTES, size - done), offset + done);
        if (bytesRead === 0) throw new Error(`${path} ended at byte ${offset + done} while it was being sent.`);
        yield chunk.subarray(0, bytesRead);
        done += bytesRead;
      }
    },
  };
}
