import { ByteReader } from '../byte-reader.ts';
import { SourceChangedError } from '../errors.ts';
import type { SourceIdentity } from '../state.ts';
import type { PartReader, ReadPlan, UploadSource } from '../upload/source.ts';
import type { UploadOptions } from '../upload-options.ts';
import { type Hasher, openHasher } from './hasher.ts';

/**
 * What can be uploaded in a browser: a File or Blob, bytes, or a stream, which needs `size`. A function that opens a stream
 * is better than a stream, because the upload can then restart if something has changed.
 */
export type BrowserSource =
  | Blob
  | Uint8Array<ArrayBuffer>
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | (() => ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>);

/** Creates an upload source from the caller's argument. @throws TypeError for a stream without a valid `size`. */
export function createSource(input: BrowserSource, options: UploadOptions): UploadSource {
  const name = options.name ?? (input instanceof File ? input.name : undefined);
  const displayName = name ?? 'The upload';
  if (input instanceof File) {
    const identity = { kind: 'file', name: input.name, size: input.size, modifiedAt: input.lastModified } as const;
    return blobSource(input, identity, name);
  }
  if (input instanceof Blob) return blobSource(input, { kind: 'blob', name: displayName, size: input.size }, name);
  if (input instanceof Uint8Array) {
    const identity = { kind: 'bytes', name: displayName, size: input.byteLength } as const;
    return blobSource(new Blob([input]), identity, name);
  }
  const { size } = options;
  if (size === undefined || !Number.isSafeInteger(size) || size < 0) {
    throw new TypeError('The size of a stream is unknown: set `size` to the number of its bytes.');
  }
  const open = typeof input === 'function' ? input : () => input;
  const repeatable = typeof input === 'function';
  return streamSource({ kind: 'stream', name: displayName, size }, name, () => iterateStream(open()), repeatable);
}

/** Parts of a Blob are not kept in memory: the browser reads the slices again while it sends them. */
function blobSource(blob: Blob, identity: SourceIdentity, name: string | undefined): UploadSource {
  const source: UploadSource = {
    identity,
    name,
    repeatable: true,
    reopen: async () => source,
    readAll: async () => blob,
    async open({ parts }) {
      const hasher = await openHasher();
      const slice = (offset: number, size: number) => blob.slice(offset, offset + size);
      return {
        ...finishers(hasher),
        maxUnreleased: parts,
        async readPart(offset, size) {
          const body = slice(offset, size);
          return { sha1: await hashBlob(hasher, body, identity), body, release() {} };
        },
        hashPart: (offset, size) => hashBlob(hasher, slice(offset, size), identity),
      };
    },
    async isUnchanged() {
      // A File cannot be read after the file on the disk has changed.
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
    reopen: async () => source,
    async readAll() {
      const reader = new ByteReader(open(), identity.name);
      const bytes = await readBlob(reader, identity.size);
      await reader.assertEnd();
      return bytes;
    },
    async open({ partSize, memory, parts }: ReadPlan): Promise<PartReader> {
      const hasher = await openHasher();
      const reader = new ByteReader(open(), identity.name);
      const { sha1, [Symbol.asyncDispose]: close } = finishers(hasher);
      return {
        maxUnreleased: Math.max(1, Math.min(Math.floor(memory / partSize), parts)),
        async readPart(_offset, size) {
          const body = await readBlob(reader, size);
          return { sha1: await hasher.hashPart(body), body, release() {} };
        },
        hashPart: async (_offset, size) => hasher.hashPart(await readBlob(reader, size)),
        async sha1() {
          await reader.assertEnd();
          return sha1();
        },
        async [Symbol.asyncDispose]() {
          await close();
          await reader.close();
        },
      };
    },
    isUnchanged: async () => true,
  };
  return source;
}

function finishers(hasher: Hasher): Pick<PartReader, 'sha1' | typeof Symbol.asyncDispose> {
  return { sha1: () => hasher.finish(), [Symbol.asyncDispose]: async () => hasher.close() };
}

async function hashBlob(hasher: Hasher, bytes: Blob, { name }: SourceIdentity): Promise<string> {
  try {
    return await hasher.hashPart(bytes);
  } catch (error) {
    if (!(error instanceof Error) || !/^Not(Readable|Found)Error$/.test(error.name)) throw error;
    const message = `${name} was changed or removed after it was chosen. Choose it again.`;
    throw new SourceChangedError(message, { cause: error });
  }
}

async function readBlob(reader: ByteReader, size: number): Promise<Blob> {
  const bytes = new Uint8Array(size);
  await reader.fill(bytes);
  return new Blob([bytes]);
}

/** Not all browsers support async iteration of streams. */
async function* iterateStream(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
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
