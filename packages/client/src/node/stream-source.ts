import { ByteReader } from '../byte-reader.ts';
import type { SourceIdentity } from '../state.ts';
import type { PartReader, ReadPlan, UploadSource } from '../upload/source.ts';
import { HashThread } from './hash-thread.ts';
import type { PartMemory } from './part-memory.ts';

/** A source that is read as a stream: a stream, a Blob, or bytes. `repeatable`: whether `open` can be called again. */
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
    reopen: async () => source,
    async readAll() {
      const bytes = Buffer.alloc(identity.size);
      const reader = new ByteReader(open(), identity.name);
      await reader.fill(bytes);
      await reader.assertEnd();
      return bytes;
    },
    open: async (plan) => openStreamReader(open(), identity.name, pool, plan),
    isUnchanged: async () => true,
  };
  return source;
}

/** Reads a stream. Its parts are kept while they are sent: as many as fit into `memory`, and at least one. */
function openStreamReader(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  pool: PartMemory,
  { partSize, memory, parts }: ReadPlan,
): PartReader {
  const reader = new ByteReader(chunks, name);
  const thread = new HashThread();

  async function read(size: number) {
    const buffer = pool.allocate(partSize);
    const body = new Uint8Array(buffer, 0, size);
    await reader.fill(body);
    return { buffer, body, sha1: await thread.hashPart(0, size, buffer) };
  }

  return {
    maxUnreleased: Math.max(1, Math.min(Math.floor(memory / partSize), parts)),
    async readPart(_offset, size) {
      const { buffer, body, sha1 } = await read(size);
      return { sha1, body, release: () => pool.release(buffer) };
    },
    async hashPart(_offset, size) {
      const { buffer, sha1 } = await read(size);
      pool.release(buffer);
      return sha1;
    },
    async sha1() {
      await reader.assertEnd();
      return thread.finish();
    },
    async [Symbol.asyncDispose]() {
      await thread[Symbol.asyncDispose]();
      await reader.close();
    },
  };
}
