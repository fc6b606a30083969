import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';
import { type FetchedBytes, type FetchOptions, fetchRest, type RemoteVersion } from './fetch-bytes.ts';

interface DownloadOptions extends Pick<FetchOptions, 'signal' | 'onBytes' | 'onRetry'> {
  onResumed: (bytes: number) => void;
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
  // The file is opened for appending, so each chunk goes to the end.
  const sink = { write: (chunk: Uint8Array) => file.writeFile(chunk), restart: () => file.truncate(0) };
  await fetchRest(client, remote, { sink, fetched: partial, ...options });

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

/** Hashes the bytes that an earlier run has downloaded. */
async function readPartial(file: FileHandle, { size }: RemoteVersion): Promise<FetchedBytes> {
  const { size: localSize } = await file.stat();
  const hash = createHash('sha1');
  if (localSize > size) await file.truncate(0);
  else if (localSize > 0) {
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) hash.update(chunk as Buffer);
  }
  return { bytes: localSize > size ? 0 : localSize, hash };
}
