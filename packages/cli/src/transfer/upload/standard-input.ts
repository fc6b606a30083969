import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { EXIT, Failure } from '../../exit-codes.ts';
import { formatBytes } from '../../output/quantities.ts';
import { SMALL_BYTES } from '../lanes.ts';
import type { LocalFile } from './local-files.ts';
import { UploadFolder } from './upload-folder.ts';

/** How standard input is named among paths. */
export const STANDARD_INPUT = '-';

/**
 * What comes on standard input, which has to be `size` bytes. So little as goes up in one piece is held in memory; of more
 * only what is on its way, so that it can be read once. `signal` ends the input, and whoever reads it.
 */
export async function standardInput(
  { name, size, signal }: { name: string; size: number; signal: AbortSignal },
  input = process.stdin,
): Promise<LocalFile & Disposable> {
  if (input.isTTY) {
    throw new Failure(
      EXIT.usage,
      'Nothing is piped in: - takes what another command prints, as in COMMAND | partway …',
    );
  }
  // Whoever waits for bytes that do not come hears of a stop as well.
  signal.addEventListener('abort', () => input.destroy(signal.reason), { once: true });
  // It is whoever reads that throws it.
  input.on('error', () => {});
  const bytes = exactly(input, size);
  const common = {
    path: STANDARD_INPUT,
    size,
    folder: new UploadFolder(),
    name,
    [Symbol.dispose]: () => void input.destroy(),
  };
  if (size < SMALL_BYTES) {
    const whole = await buffer(bytes);
    const sha1 = createHash('sha1').update(whole).digest('hex');
    return { ...common, source: whole, readOnce: false, sha1: async () => sha1 };
  }
  let begun = false;
  return {
    ...common,
    readOnce: true,
    source: {
      async *[Symbol.asyncIterator]() {
        begun = true;
        yield* bytes;
      },
    },
    async sha1() {
      if (begun) return undefined;
      const hash = createHash('sha1');
      for await (const chunk of bytes) hash.update(chunk);
      return hash.digest('hex');
    },
  };
}

/** The bytes, no less and no more of them than was said. */
async function* exactly(input: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let came = 0;
  for await (const chunk of input) {
    came += chunk.length;
    if (came > size) throw new Failure(EXIT.failed, `More bytes come than the ${size} that --size says. ${ADVICE}`);
    yield chunk;
  }
  if (came === size) return;
  const short = `Standard input ended after ${came} bytes (${formatBytes(came)}), and --size says ${size}.`;
  throw new Failure(EXIT.failed, `${short} ${ADVICE}`);
}

const ADVICE = 'Nothing became a file. Did what is piped in fail? If not, give its right size.';
