import type { UserId } from '@partway/protocol/ids';
import type { DurableFiles } from '../disk/durable-files.ts';
import { StorageError } from '../errors.ts';
import type { Spool } from '../spool/spool.ts';
import type { VerifiedFile } from '../spool/spooled-body.ts';
import { BodySplitter } from './body-splitter.ts';
import { PartChecksum } from './checksums.ts';
import { hasObject, resolveCompletion } from './completion.ts';
import { isNotFound } from './errors.ts';
import type { MultipartPart, MultipartUploads } from './multipart-uploads.ts';
import type { S3Objects } from './objects.ts';

/** How much of a body of unknown length is spooled at a time; every piece but the last is this long, as some stores want. */
const CHUNK_BYTES = 16 * 1024 * 1024;
const MAX_CHUNKS = 10_000;

/** Where pieces go, and from whom they come. */
interface UploadTarget {
  spool: Spool;
  uploads: MultipartUploads;
  objects: S3Objects;
  by?: UserId | undefined;
}

/**
 * Stores a body as long as it is: in one call where it is short, else as an upload of pieces that are spooled one after
 * the other. When it rejects, nothing of it stays, or an upload or object that nothing names and the sweep finds.
 */
export async function putObject(store: UploadTarget, key: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const pieces = new BodySplitter(body);
  try {
    await using first = await spoolChunks(store, pieces);
    if (await pieces.more()) await putMultipart(store, key, pieces, first);
    else await putOne(store.objects, key, first);
  } finally {
    await pieces.close();
  }
}

/** A piece in the spool; it goes when it is disposed of. */
type SpooledChunk = VerifiedFile & AsyncDisposable;

async function spoolChunks({ spool, by }: UploadTarget, pieces: BodySplitter): Promise<SpooledChunk> {
  const maker = new PartChecksum('sha256');
  const most = Math.min(CHUNK_BYTES, spool.size);
  let length = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of pieces.next(most)) {
      length += chunk.length;
      yield chunk;
    }
  }
  const file = await spool.receive(maker.update(counted()), { maxBytes: most, by });
  return { file, length, checksum: maker.result(), [Symbol.asyncDispose]: () => file.remove() };
}

async function putOne(objects: S3Objects, key: string, piece: SpooledChunk): Promise<void> {
  try {
    await objects.put(key, piece);
  } catch (error) {
    // Its answer may be all that was lost.
    await objects.delete(key).catch(() => {});
    throw error;
  }
}

async function putMultipart(
  store: UploadTarget,
  key: string,
  pieces: BodySplitter,
  first: SpooledChunk,
): Promise<void> {
  const { uploads, objects } = store;
  const upload = await uploads.create(key, { crc32: false });
  try {
    const parts: MultipartPart[] = [await uploads.sendPart(upload, 1, first)];
    let size = first.length;
    await first.file.remove();
    while (await pieces.more()) {
      if (parts.length === MAX_CHUNKS) throw bodyTooLargeError(size);
      await using piece = await spoolChunks(store, pieces);
      parts.push(await uploads.sendPart(upload, parts.length + 1, piece));
      size += piece.length;
    }
    const gone = () => new Error(`the upload of ${key} is gone`);
    try {
      await uploads.complete(upload, parts, (failure, timeout) =>
        resolveCompletion(store, upload, { size, gone, failure, timeout }),
      );
    } catch (error) {
      // Done by a try that was not heard of, when nobody could be asked either.
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
    `An upload in one request may have ${size} bytes here; open an upload session for this file.`,
  );
}

/**
 * Writes a file as long as `body` turns out to be, at `from`, and renames it to `to` when it is whole; folders missing
 * below `base` are made. When it rejects, neither file is there.
 */
export async function putWhole(
  files: DurableFiles,
  { from, to, base }: { from: string; to: string; base: string },
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  await files.allocate(from, 0);
  try {
    await files.write(from, { offset: 0 }, body);
    await files.moveDurably(from, to, { base, readOnly: true });
  } catch (error) {
    await files.removeFile(from);
    await files.removeFile(to);
    throw error;
  }
}
