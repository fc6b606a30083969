import { fileURLToPath } from 'node:url';
import type { UploadSource } from '../upload/source.ts';
import type { UploadOptions } from '../upload-options.ts';
import type { PartMemory } from './part-memory.ts';
import { pathSource } from './path-source.ts';
import { streamSource } from './stream-source.ts';

/** Creates an upload source from the caller's argument. @throws TypeError for a stream without a valid `size`. */
export async function createSource(input: NodeSource, options: UploadOptions, pool: PartMemory): Promise<UploadSource> {
  if (typeof input === 'string') return pathSource(input, pool);
  if (input instanceof URL) return pathSource(fileURLToPath(input), pool);
  const name = options.name ?? (input instanceof File ? input.name : undefined);
  const displayName = name ?? 'The upload';

  if (input instanceof Uint8Array) {
    const identity = { kind: 'bytes', name: displayName, size: input.byteLength } as const;
    return streamSource(identity, name, () => yieldOnce(input), { repeatable: true, pool });
  }
  if (input instanceof Blob) {
    const identity = {
      kind: input instanceof File ? 'file' : 'blob',
      name: displayName,
      size: input.size,
      ...(input instanceof File && { modifiedAt: input.lastModified }),
    } as const;
    return streamSource(identity, name, () => input.stream(), { repeatable: true, pool });
  }

  const { size } = options;
  if (size === undefined || !Number.isSafeInteger(size) || size < 0) {
    throw new TypeError('The size of a stream is unknown: set `size` to the number of its bytes.');
  }
  const identity = { kind: 'stream', name: displayName, size } as const;
  if (typeof input === 'function') return streamSource(identity, name, input, { repeatable: true, pool });
  return streamSource(identity, name, () => input, { repeatable: false, pool });
}

async function* yieldOnce(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * What can be uploaded in Node.js: a path or a file: URL, bytes, a Blob or File, or a stream, which needs `size`. A function
 * that opens a stream is better than a stream, because the upload can then restart if something has changed.
 */
export type NodeSource =
  | string
  | URL
  | Uint8Array
  | Blob
  | AsyncIterable<Uint8Array>
  | (() => AsyncIterable<Uint8Array>);
