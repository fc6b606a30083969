import { ByteReader } from '../byte-reader.ts';
import type { SourceIdentity } from '../state.ts';
import type { PartReader, ReadingPlan, UploadSource } from '../upload/source.ts';
import { HashThread } from './hash-thread.ts';
import type { PartMemory } from './part-memory.ts';

/** Bytes that come one after the other: of a stream, of a Blob, of memory. `repeatable` where `open` can be called again. */
export function streamSource(
  identity: SourceIdentity,
  name: string | undefined,
  open: () => AsyncIterable<Uint8Array>,
  { repeatable, pool }: { repeatable: boolean; pool: PartMemory },
): UploadSource {
  const source: UploadSource = {
    identity,
    name,
    repeatable,
    again: async () => source,
    async whole() {
      const bytes = Buffer.alloc(identity.size);
      const feed = new ByteReader(open(), identity.name);
      await feed.fill(bytes);
      await feed.end();
      return bytes;
    },
    open: async (plan) => readStream(open(), identity.name, pool, plan),
    isUnchanged: async () => true,
  };
  return source;
}

/** Reads a stream, whose parts have to be held while they are sent: as many as fit, and at least one. */
function readStream(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  pool: PartMemory,
  { partSize, memory, parts }: ReadingPlan,
): PartReader {
  const feed = new ByteReader(chunks, name);
  const thread = new HashThread();

  async function read(size: number) {
    const held = pool.take(partSize);
    const body = new Uint8Array(held, 0, size);
    await feed.fill(body);
    return { held, body, sha1: await thread.part(0, size, held) };
  }

  return {
    mostHeld: Math.max(1, Math.min(Math.floor(memory / partSize), parts)),
    async take(_offset, size) {
      const { held, body, sha1 } = await read(size);
      return { sha1, body, release: () => pool.release(held) };
    },
    async skip(_offset, size) {
      const { held, sha1 } = await read(size);
      pool.release(held);
      return sha1;
    },
    async sha1() {
      await feed.end();
      return thread.whole();
    },
    async [Symbol.asyncDispose]() {
      await thread[Symbol.asyncDispose]();
      await feed.close();
    },
  };
}
