import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type NodeClient, TransportError, UnexpectedResponse } from '@partway/client/node/index';
import { canRetry, RetryWindow } from '@partway/client/retry';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';
import { PATIENCE } from '../../profiles/connect.ts';

/** A version of a file, as far as it takes to have it here. */
export interface Wanted {
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
  /** How many bytes are here, of earlier runs and of this one. */
  onBytes: (bytes: number) => void;
  onResumed: (bytes: number) => void;
}

/**
 * Fetches a file into `target`. Its bytes come into a file beside it, from which another run goes on; only when all are
 * there, with the right SHA-1 and on the disk, it gets its name.
 * @returns How many bytes came in this run.
 */
export async function downloadFile(
  client: NodeClient,
  wanted: Wanted,
  target: string,
  options: DownloadOptions,
): Promise<number> {
  const path = unfinishedPath(target, wanted);
  await using file = await openUnfinished(path);
  const part = await resumed(file, wanted);
  const had = part.bytes;
  if (had > 0) options.onResumed(had);
  await fetchRest(client, wanted, file, part, options);

  const sha1 = part.hash.digest('hex');
  if (sha1 !== wanted.sha1) {
    await rm(path, { force: true });
    throw new Failure(
      EXIT.failed,
      `The bytes that came have the SHA-1 ${sha1} instead of ${wanted.sha1}, and are thrown away. Run it again.`,
    );
  }
  await file.sync();
  const modifiedAt = Date.parse(wanted.modifiedAt ?? '');
  if (!Number.isNaN(modifiedAt)) await file.utimes(new Date(), new Date(modifiedAt));
  await rename(path, target);
  await using folder = await open(dirname(target), 'r');
  await folder.sync();
  return part.bytes - had;
}

/** Where the bytes lie until all are there: another version is another file, so that no two are ever mixed. */
function unfinishedPath(target: string, { fileId, versionId }: Wanted): string {
  // The server's words become a path here.
  if (!/^\w+$/.test(fileId) || !/^\w+$/.test(versionId)) {
    throw new Failure(EXIT.failed, `The server gives an id that is none: ${escapeControl(`${fileId}, ${versionId}`)}.`);
  }
  return join(dirname(target), `.partway-${fileId}-${versionId}.part`);
}

/** Opens it for reading, and for writing at its end; never through a link, which somebody else may have put there. */
async function openUnfinished(path: string): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  // Windows has neither of the two last.
  const flags = O_RDWR | O_APPEND | O_CREAT | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0);
  const file = await open(path, flags, 0o666).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP') throw inTheWay(path);
    throw error;
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw inTheWay(path);
}

function inTheWay(path: string): Failure {
  return new Failure(EXIT.conflict, `${escapeControl(path)} is there and is not a file: remove it, and run it again.`);
}

interface Part {
  bytes: number;
  hash: Hash;
}

/** What an earlier run left, read into the digest. */
async function resumed(file: FileHandle, { size }: Wanted): Promise<Part> {
  const { size: found } = await file.stat();
  const hash = createHash('sha1');
  if (found > size) await file.truncate(0);
  else if (found > 0) {
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) hash.update(chunk as Buffer);
  }
  return { bytes: found > size ? 0 : found, hash };
}

async function fetchRest(
  client: NodeClient,
  wanted: Wanted,
  file: FileHandle,
  part: Part,
  options: DownloadOptions,
): Promise<void> {
  const window = new RetryWindow(PATIENCE);
  for (let tries = 0; part.bytes < wanted.size; ) {
    const before = part.bytes;
    try {
      await fetchOnce(client, wanted, file, part, options);
      if (part.bytes < wanted.size) throw new TransportError('The connection ended before the file did.');
    } catch (error) {
      if (!(error instanceof TransportError) || !canRetry(error, true)) throw error;
      if (part.bytes > before) window.recordSuccess();
      tries = part.bytes > before ? 1 : tries + 1;
      await window.wait(tries, error, options.signal);
    }
  }
}

async function fetchOnce(
  client: NodeClient,
  { fileId, versionId, size }: Wanted,
  file: FileHandle,
  part: Part,
  { signal, onBytes }: DownloadOptions,
): Promise<void> {
  const {
    status,
    size: coming,
    body,
  } = await client.downloads.downloadFile(fileId, {
    queryParams: { version: versionId },
    signal,
    ...(part.bytes > 0 && { range: { first: part.bytes } }),
  });
  if (part.bytes > 0 && status !== 206) {
    // It does not give a part of a file: all of it comes, from the first byte on.
    await file.truncate(0);
    part.bytes = 0;
    part.hash = createHash('sha1');
  }
  if (coming !== undefined && coming !== size - part.bytes) {
    await body.cancel();
    const url = `${client.addresses.api}/2.0/files/${fileId}/content`;
    throw new UnexpectedResponse({
      method: 'GET',
      url,
      status,
      text: `${coming} bytes instead of ${size - part.bytes}`,
    });
  }
  for await (const chunk of arriving(body, signal)) {
    if (part.bytes + chunk.length > size) throw new Failure(EXIT.failed, 'More bytes came than the file has.');
    // Opened for appending: it goes to the end, where the digest stands.
    await file.writeFile(chunk);
    part.hash.update(chunk);
    part.bytes += chunk.length;
    onBytes(part.bytes);
  }
}

/** The bytes as they come; a connection that breaks is trouble of the line, and a stop is a stop. */
async function* arriving(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new TransportError('The connection broke off within the file.', { cause: error });
  } finally {
    // Whoever stops early wants no more of it; what comes of that is of no use.
    await reader.cancel().catch(() => {});
  }
}
