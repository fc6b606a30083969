import { fileURLToPath } from 'node:url';
import type { UploadSource } from '../upload/source.ts';
import type { UploadOptions } from '../upload-options.ts';
import type { PartMemory } from './part-memory.ts';
import { pathSource } from './path-source.ts';
import { streamSource } from './stream-source.ts';

/** What the caller gave, as uploads read it. */
export async function createSource(given: NodeSource, options: UploadOptions, pool: PartMemory): Promise<UploadSource> {
  if (typeof given === 'string') return pathSource(given, pool);
  if (given instanceof URL) return pathSource(fileURLToPath(given), pool);
  const name = options.name ?? (given instanceof File ? given.name : undefined);
  const called = name ?? 'The upload';

  if (given instanceof Uint8Array) {
    const identity = { kind: 'bytes', name: called, size: given.byteLength } as const;
    return streamSource(identity, name, () => once(given), { repeatable: true, pool });
  }
  if (given instanceof Blob) {
    const identity = {
      kind: given instanceof File ? 'file' : 'blob',
      name: called,
      size: given.size,
      ...(given instanceof File && { modifiedAt: given.lastModified }),
    } as const;
    return streamSource(identity, name, () => given.stream(), { repeatable: true, pool });
  }

  const { size } = options;
  if (size === undefined || !Number.isSafeInteger(size) || size < 0) {
    throw new TypeError('A stream does not say how long it is: give its bytes as `size`.');
  }
  const identity = { kind: 'stream', name: called, size } as const;
  if (typeof given === 'function') return streamSource(identity, name, given, { repeatable: true, pool });
  return streamSource(identity, name, () => given, { repeatable: false, pool });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * What can be uploaded in Node: a path or a file: URL, bytes, a Blob or File, or a stream, which needs `size`. A function
 * that opens a stream is better than a stream: it can be begun anew where something has changed.
 */
export type NodeSource =
  | string
  | URL
  | Uint8Array
  | Blob
  | AsyncIterable<Uint8Array>
  | (() => AsyncIterable<Uint8Array>);
