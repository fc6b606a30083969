import type { UserId } from '@partway/protocol/ids';
import { StorageError } from '../errors.ts';
import type { Spool } from '../spool/spool.ts';
import type { VerifiedFile } from '../spool/spooled-body.ts';
import { BodySplitter } from './body-splitter.ts';
import { PartChecksum } from './checksums.ts';
import { hasObject, resolveCompletion } from './completion.ts';
import { isNotFound } from './errors.ts';
import type { MultipartPart, MultipartUploads } from './multipart-uploads.ts';
import type { S3Objects } from './objects.ts';

/** How much of a body of unknown length is spooled at a time. Some stores require that all parts but the last are equal. */
const CHUNK_BYTES = 16 * 1024 * 1024;
const MAX_CHUNKS = 10_000;

interface UploadTarget {
  spool: Spool;
  uploads: MultipartUploads;
  objects: S3Objects;
  by?: UserId | undefined;
}

/**
 * Stores a body of unknown length: a short one with one call, and a longer one as a multipart upload whose parts are spooled
 * one after the other. After a rejection, nothing remains except possibly an orphan, which garbage collection finds.
 */
export async function putObject(store: UploadTarget, key: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const splitter = new BodySplitter(body);
  try {
    await using first = await spoolChunks(store, splitter);
    if (await splitter.hasMore()) await putMultipart(store, key, splitter, first);
    else await putSingle(store.objects, key, first);
  } finally {
    await splitter.close();
  }
}

/** A chunk in the spool. Disposing it removes it. */
type SpooledChunk = VerifiedFile & AsyncDisposable;

async function spoolChunks({ spool, by }: UploadTarget, splitter: BodySplitter): Promise<SpooledChunk> {
  const hash = new PartChecksum('sha256');
  const maxBytes = Math.min(CHUNK_BYTES, spool.size);
  let length = 0;
  async function* countBytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of splitter.next(maxBytes)) {
      length += chunk.length;
      yield chunk;
    }
  }
  const file = await spool.receive(hash.update(countBytes()), { maxBytes, by });
  return { file, length, checksum: hash.result(), [Symbol.asyncDispose]: () => file.remove() };
}

async function putSingle(objects: S3Objects, key: string, chunk: SpooledChunk): Promise<void> {
  try {
    await objects.put(key, chunk);
  } catch (error) {
    // Perhaps the object was stored, and only the response was lost.
    await objects.delete(key).catch(() => {});
    throw error;
  }
}

async function putMultipart(
  store: UploadTarget,
  key: string,
  splitter: BodySplitter,
  first: SpooledChunk,
): Promise<void> {
  const { uploads, objects } = store;
  const upload = await uploads.create(key, { crc32: false });
  try {
    const parts: MultipartPart[] = [await uploads.sendPart(upload, 1, first)];
    let size = first.length;
    await first.file.remove();
    while (await splitter.hasMore()) {
      if (parts.length === MAX_CHUNKS) throw bodyTooLargeError(size);
      await using chunk = await spoolChunks(store, splitter);
      parts.push(await uploads.sendPart(upload, parts.length + 1, chunk));
      size += chunk.length;
    }
    const goneError = () => new Error(`The upload of ${key} no longer exists.`);
    try {
      await uploads.complete(upload, parts, (failure, timeout) =>
        resolveCompletion(store, upload, { size, goneError, failure, timeout }),
      );
    } catch (error) {
      // An earlier attempt has completed it, although neither its response nor its result was received.
      if (!isNotFound(error) || !(await hasObject(objects, key, size))) throw error;
    }
  } catch (error) {
    await uploads.abort(upload).catch(() => {});
    await objects.delete(key).catch(() => {});
    throw error;
  }
}

function bodyTooLargeError(size: number): StorageError {
  return new StorageError(
    'file-too-large',
    `An upload in one request can have at most ${size} bytes. Create an upload session for this file.`,
  );
}
