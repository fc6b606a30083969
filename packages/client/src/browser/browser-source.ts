import { ByteReader } from '../byte-reader.ts';
import { SourceChangedError } from '../errors.ts';
import type { SourceIdentity } from '../state.ts';
import type { PartReader, ReadingPlan, UploadSource } from '../upload/source.ts';
import type { UploadOptions } from '../upload-options.ts';
import { type Hasher, openHasher } from './hasher.ts';

/**
 * What can be uploaded in a browser: a File or Blob, bytes, or a stream, which needs `size`. A function that opens a stream
 * is better than a stream: it can be begun anew where something has changed.
 */
export type BrowserSource =
  | Blob
  | Uint8Array<ArrayBuffer>
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | (() => ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>);

/** What the caller gave, as uploads read it. */
export function createSource(given: BrowserSource, options: UploadOptions): UploadSource {
  const name = options.name ?? (given instanceof File ? given.name : undefined);
  const called = name ?? 'The upload';
  if (given instanceof File) {
    const identity = { kind: 'file', name: given.name, size: given.size, modifiedAt: given.lastModified } as const;
    return blobSource(given, identity, name);
  }
  if (given instanceof Blob) return blobSource(given, { kind: 'blob', name: called, size: given.size }, name);
  if (given instanceof Uint8Array) {
    const identity = { kind: 'bytes', name: called, size: given.byteLength } as const;
    return blobSource(new Blob([given]), identity, name);
  }
  const { size } = options;
  if (size === undefined || !Number.isSafeInteger(size) || size < 0) {
    throw new TypeError('A stream does not say how long it is: give its bytes as `size`.');
  }
  const open = typeof given === 'function' ? given : () => given;
  const repeatable = typeof given === 'function';
  return streamSource({ kind: 'stream', name: called, size }, name, () => iterable(open()), repeatable);
}

/** Nothing of a Blob is held: the browser reads its slices once more while it sends them. */
function blobSource(blob: Blob, identity: SourceIdentity, name: string | undefined): UploadSource {
  const source: UploadSource = {
    identity,
    name,
    repeatable: true,
    again: async () => source,
    whole: async () => blob,
    async open({ parts }) {
      const hasher = await openHasher();
      const slice = (offset: number, size: number) => blob.slice(offset, offset + size);
      return {
        ...ends(hasher),
        mostHeld: parts,
        async take(offset, size) {
          const body = slice(offset, size);
          return { sha1: await hashed(hasher, body, identity), body, release() {} };
        },
        skip: (offset, size) => hashed(hasher, slice(offset, size), identity),
      };
    },
    async isUnchanged() {
      // A File whose file has changed cannot be read any more.
      const firstByte = blob.slice(0, 1).arrayBuffer();
      return await firstByte.then(
        () => true,
        () => false,
      );
    },
  };
  return source;
}

function streamSource(
  identity: SourceIdentity,
  name: string | undefined,
  open: () => AsyncIterable<Uint8Array>,
  repeatable: boolean,
): UploadSource {
  const source: UploadSource = {
    identity,
    name,
    repeatable,
    again: async () => source,
    async whole() {
      const feed = new ByteReader(open(), identity.name);
      const bytes = await read(feed, identity.size);
      await feed.end();
      return bytes;
    },
    async open({ partSize, memory, parts }: ReadingPlan): Promise<PartReader> {
      const hasher = await openHasher();
      const feed = new ByteReader(open(), identity.name);
      const { sha1, [Symbol.asyncDispose]: close } = ends(hasher);
      return {
        mostHeld: Math.max(1, Math.min(Math.floor(memory / partSize), parts)),
        async take(_offset, size) {
          const body = await read(feed, size);
          return { sha1: await hasher.part(body), body, release() {} };
        },
        skip: async (_offset, size) => hasher.part(await read(feed, size)),
        async sha1() {
          await feed.end();
          return sha1();
        },
        async [Symbol.asyncDispose]() {
          await close();
          await feed.close();
        },
      };
    },
    isUnchanged: async () => true,
  };
  return source;
}

function ends(hasher: Hasher): Pick<PartReader, 'sha1' | typeof Symbol.asyncDispose> {
  return { sha1: () => hasher.whole(), [Symbol.asyncDispose]: async () => hasher.close() };
}

async function hashed(hasher: Hasher, bytes: Blob, { name }: SourceIdentity): Promise<string> {
  try {
    return await hasher.part(bytes);
  } catch (error) {
    if (!(error instanceof Error) || !/^Not(Readable|Found)Error$/.test(error.name)) throw error;
    const message = `${name} was changed or removed since it was chosen: choose it again.`;
    throw new SourceChangedError(message, { cause: error });
  }
}

async function read(feed: ByteReader, size: number): Promise<Blob> {
  const bytes = new Uint8Array(size);
  await feed.fill(bytes);
  return new Blob([bytes]);
}

/** Not every browser can iterate a stream. */
async function* iterable(stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (!(stream instanceof ReadableStream)) return yield* stream;
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
