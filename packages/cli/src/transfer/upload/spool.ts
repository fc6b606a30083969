import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl } from '../../output/text.ts';

/** Input up to this size is kept in memory. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;

/** Input of unknown size that was read to its end, and can be read any number of times. */
export interface Spool extends AsyncDisposable {
  size: number;
  read(): AsyncIterable<Uint8Array>;
}

/** Reads all of an input: into memory or, from `maxMemory` bytes on, into a temporary file. */
export async function spoolInput(input: AsyncIterable<Uint8Array>, maxMemory = MAX_MEMORY_BYTES): Promise<Spool> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let file: FileHandle | undefined;
  try {
    for await (const chunk of input) {
      size += chunk.length;
      if (file === undefined) chunks.push(chunk);
      else await file.writeFile(chunk);
      if (file === undefined && size > maxMemory) {
        file = await openTemporaryFile();
        for (const earlier of chunks.splice(0)) await file.writeFile(earlier);
      }
    }
  } catch (error) {
    await file?.close();
    throw isDiskFull(error) ? diskFullError(error) : error;
  }
  return createSpool(chunks, file, size);
}

function createSpool(chunks: readonly Uint8Array[], file: FileHandle | undefined, size: number): Spool {
  return {
    size,
    async *read() {
      if (file === undefined) yield* chunks;
      else yield* file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1024 * 1024 });
    },
    async [Symbol.asyncDispose]() {
      await file?.close();
    },
  };
}

/** Opens a file that only this process can read. It has no name any more, so the system deletes it after any end. */
async function openTemporaryFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `partway-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  // Windows cannot delete an open file.
  await unlink(path).catch(() => {});
  return file;
}

function isDiskFull(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code);
}

function diskFullError(cause: unknown): Failure {
  const message = `There is not enough space in ${escapeControl(tmpdir())} for standard input. No file was created.`;
  const advice = 'Set TMPDIR to a folder with more space, or set the size with --size to send the data as it arrives.';
  return new Failure(EXIT.failed, `${message} ${advice}`, { cause });
}
