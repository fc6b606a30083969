import { ByteFeed } from '../byte-reader.ts';
import type { SourceIdentity } from '../state.ts';
import type { UploadSource } from '../upload/source.ts';
import type { PartMemory } from './part-memory.ts';
import { readStream } from './read-stream.ts';

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
      const feed = new ByteFeed(open(), identity.name);
      await feed.fill(bytes);
      await feed.end();
      return bytes;
    },
    open: async (plan) => readStream(open(), identity.name, pool, plan),
    isUnchanged: async () => true,
  };
  return source;
}
