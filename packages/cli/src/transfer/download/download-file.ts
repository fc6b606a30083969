import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type NodeClient, TransportError, UnexpectedResponse } from '@partway/client/node/index';
import { canRetry, RetryWindow, sleep } from '@partway/client/retry';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';
import { RETRY_MILLIS } from '../../profiles/connect.ts';

/** A version of a file on the server. */
export interface RemoteVersion {
  fileId: string;
  versionId: string;
  size: number;
  /** Hex. */
  sha1: string;
  /** RFC 3339 */
  modifiedAt: string | null;
}

interface DownloadOptions {
  signal: AbortSignal;
  /** Called with the number of local bytes, including those of earlier runs. */
  onBytes: (bytes: number) => void;
  onResumed: (bytes: number) => void;
  /** Called before an attempt is repeated. `outage`: its number. */
  onRetry: (retry: { error: unknown; waitMillis: number; outage: number }) => void;
}

/**
 * Downloads a file to `target`. The bytes go to a partial file next to it, which another run can resume. It gets its final
 * name when it is complete, its SHA-1 is correct, and it is synced to the disk.
 * @returns The number of bytes that this run downloaded.
 */
export async function downloadFile(
  client: NodeClient,
  remote: RemoteVersion,
  target: string,
  options: DownloadOptions,
): Promise<number> {
  const path = partialPath(target, remote);
  await using file = await openPartial(path);
  const partial = await readPartial(file, remote);
  const resumedBytes = partial.bytes;
  if (resumedBytes > 0) options.onResumed(resumedBytes);
  await fetchRest(client, remote, file, partial, options);

  const sha1 = partial.hash.digest('hex');
  if (sha1 !== remote.sha1) {
    await rm(path, { force: true });
    throw new Failure(
      EXIT.failed,
      `The downloaded bytes have the SHA-1 ${sha1} instead of ${remote.sha1} and were deleted. Run the command again.`,
    );
  }
  await file.sync();
  const modifiedAt = Date.parse(remote.modifiedAt ?? '');
  if (!Number.isNaN(modifiedAt)) await file.utimes(new Date(), new Date(modifiedAt));
  await rename(path, target);
  await using folder = await open(dirname(target), 'r');
  await folder.sync();
  return partial.bytes - resumedBytes;
}

/** Returns the path of the partial file. Each version has its own, so that bytes of two versions are never mixed. */
function partialPath(target: string, { fileId, versionId }: RemoteVersion): string {
  // These IDs come from the server and become part of a path.
  if (!/^\w+$/.test(fileId) || !/^\w+$/.test(versionId)) {
    throw new Failure(EXIT.failed, `The server returned an invalid ID: ${escapeControl(`${fileId}, ${versionId}`)}.`);
  }
  return join(dirname(target), `.partway-${fileId}-${versionId}.part`);
}

/** Opens the partial file for reading and appending. It never follows a link, which another user may have created. */
async function openPartial(path: string): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  // Windows does not have the last two.
  const flags = O_RDWR | O_APPEND | O_CREAT | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0);
  const file = await open(path, flags, 0o666).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP') throw notAFileError(path);
    throw error;
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw notAFileError(path);
}

function notAFileError(path: string): Failure {
  return new Failure(
    EXIT.conflict,
    `${escapeControl(path)} exists and is not a file. Remove it, then run the command again.`,
  );
}

interface PartialFile {
  bytes: number;
  hash: Hash;
}

/** Hashes the bytes that an earlier run has downloaded. */
async function readPartial(file: FileHandle, { size }: RemoteVersion): Promise<PartialFile> {
  const { size: localSize } = await file.stat();
  const hash = createHash('sha1');
  if (localSize > size) await file.truncate(0);
  else if (localSize > 0) {
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) hash.update(chunk as Buffer);
  }
  return { bytes: localSize > size ? 0 : localSize, hash };
}

async function fetchRest(
  client: NodeClient,
  remote: RemoteVersion,
  file: FileHandle,
  partial: PartialFile,
  options: DownloadOptions,
): Promise<void> {
  const window = new RetryWindow(RETRY_MILLIS);
  for (let attempts = 0; partial.bytes < remote.size; ) {
    const previous = partial.bytes;
    try {
      await fetchOnce(client, remote, file, partial, options);
      if (partial.bytes < remote.size)
        throw new TransportError('The connection was closed before the end of the file.');
    } catch (error) {
      if (!canRetry(error, true)) throw error;
      if (partial.bytes > previous) window.recordSuccess();
      attempts = partial.bytes > previous ? 1 : attempts + 1;
      const waitMillis = window.nextWait(attempts, error);
      options.onRetry({ error, waitMillis, outage: window.outage });
      await sleep(waitMillis, options.signal);
    }
  }
}

async function fetchOnce(
  client: NodeClient,
  { fileId, versionId, size }: RemoteVersion,
  file: FileHandle,
  partial: PartialFile,
  { signal, onBytes }: DownloadOptions,
): Promise<void> {
  const {
    status,
    size: bodySize,
    body,
  } = await client.downloads.downloadFile(fileId, {
    queryParams: { version: versionId },
    signal,
    // Repeated here, so that an outage is reported with the file.
    retries: 0,
    ...(partial.bytes > 0 && { range: { first: partial.bytes } }),
  });
  if (partial.bytes > 0 && status !== 206) {
    // The server does not support ranges: the whole file comes from the start.
    await file.truncate(0);
    partial.bytes = 0;
    partial.hash = createHash('sha1');
  }
  if (bodySize !== undefined && bodySize !== size - partial.bytes) {
    await body.cancel();
    const url = `${client.addresses.api}/2.0/files/${fileId}/content`;
    throw new UnexpectedResponse({
      method: 'GET',
      url,
      status,
      text: `${bodySize} bytes instead of ${size - partial.bytes}`,
    });
  }
  for await (const chunk of readChunks(body, signal)) {
    if (partial.bytes + chunk.length > size)
      throw new Failure(EXIT.failed, 'The server sent more bytes than the size of the file.');
    // The file is opened for appending, so each chunk goes to the end.
    await file.writeFile(chunk);
    partial.hash.update(chunk);
    partial.bytes += chunk.length;
    onBytes(partial.bytes);
  }
}

/** Yields the bytes as they arrive. @throws TransportError if the connection is lost; the signal's reason. */
async function* readChunks(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new TransportError('The connection was lost during the download.', { cause: error });
  } finally {
    // The caller may stop early. The result of canceling does not matter.
    await reader.cancel().catch(() => {});
  }
}
