import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { MIN_SESSION_SIZE } from '@partway/client/upload/upload-file';
import { EXIT, Failure } from '../../exit-codes.ts';
import { formatBytes } from '../../output/quantities.ts';
import type { LocalFile } from './local-files.ts';
import { spoolInput } from './spool.ts';
import { UploadFolder } from './upload-folder.ts';

/** The path that means standard input. */
export const STANDARD_INPUT = '-';

interface InputOptions {
  /** The name on the server. */
  name: string;
  /** Undefined if it is not known. */
  size: number | undefined;
  signal: AbortSignal;
}

/**
 * Opens standard input as a file. If its size is unknown, all of it is read first. A small file is kept in memory
 * completely. Of a larger one with a known size, only the parts in progress are kept, so it can be read only once. `signal`
 * ends the input, which ends pending reads too.
 * @throws Failure if stdin is a terminal, or a small input does not have `size` bytes.
 */
export async function openStandardInput(
  { name, size, signal }: InputOptions,
  input = process.stdin,
): Promise<LocalFile & AsyncDisposable> {
  if (input.isTTY) {
    throw new Failure(
      EXIT.usage,
      'Nothing is piped in: - reads the output of another command, as in COMMAND | partway …',
    );
  }
  // A reader that waits for more bytes must also notice the signal.
  signal.addEventListener('abort', () => input.destroy(signal.reason), { once: true });
  // The reader throws the error.
  input.on('error', () => {});
  const common = {
    path: STANDARD_INPUT,
    folder: new UploadFolder(),
    name,
    [Symbol.asyncDispose]: async () => void input.destroy(),
  };
  if (size === undefined) return { ...common, ...(await openSpool(input)) };
  return { ...common, size, ...(await openSized(input, size)) };
}

type Contents = Pick<LocalFile, 'source' | 'readOnce' | 'sha1'>;

async function openSpool(input: AsyncIterable<Uint8Array>): Promise<Contents & AsyncDisposable & { size: number }> {
  const spool = await spoolInput(input);
  return {
    size: spool.size,
    source: () => spool.read(),
    readOnce: false,
    sha1: () => computeSha1(spool.read()),
    [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
  };
}

async function openSized(input: AsyncIterable<Uint8Array>, size: number): Promise<Contents> {
  const bytes = assertSize(input, size);
  if (size < MIN_SESSION_SIZE) {
    const contents = await buffer(bytes);
    const sha1 = createHash('sha1').update(contents).digest('hex');
    return { source: contents, readOnce: false, sha1: async () => sha1 };
  }
  let isStarted = false;
  return {
    readOnce: true,
    source: {
      async *[Symbol.asyncIterator]() {
        isStarted = true;
        yield* bytes;
      },
    },
    async sha1() {
      return isStarted ? undefined : computeSha1(bytes);
    },
  };
}

async function computeSha1(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha1');
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
}

/** Yields the bytes. @throws Failure unless there are exactly `size` of them. */
async function* assertSize(input: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of input) {
    received += chunk.length;
    if (received > size)
      throw new Failure(EXIT.failed, `Standard input has more than the ${size} bytes of --size. ${ADVICE}`);
    yield chunk;
  }
  if (received === size) return;
  const message = `Standard input ended after ${received} bytes (${formatBytes(received)}), but --size is ${size}.`;
  throw new Failure(EXIT.failed, `${message} ${ADVICE}`);
}

const ADVICE = 'No file was created. Check whether the command that is piped in failed; otherwise, correct the size.';
