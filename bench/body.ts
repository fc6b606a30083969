import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { seededBytes } from '../test/support/bytes.ts';
import { MIB } from './support.ts';

/** Files of any size repeat this many bytes: four different parts of 8 MiB. */
export const BODY_PERIOD = 32 * MIB;

/** The body of the benchmark's files. Creating it and its digests takes time; do this before the clock starts. */
export class BenchBody {
  readonly #pattern: Buffer;
  readonly #digests = new Map<string, string>();

  constructor(longestPart = BODY_PERIOD) {
    const period = seededBytes(BODY_PERIOD, 'bench');
    const periods = Math.max(1, Math.ceil(longestPart / BODY_PERIOD));
    this.#pattern = periods === 1 ? period : Buffer.concat(Array<Buffer>(periods).fill(period));
  }

  /** Returns bytes `offset` to `offset + length - 1` of the file without copying. `offset` is the start of a part. */
  bytes(offset: number, length: number): Buffer {
    const start = offset % BODY_PERIOD;
    return this.#pattern.subarray(start, start + length);
  }

  /** Returns the SHA-1 of those bytes in base64. Cached for equal bytes. */
  digest(offset: number, length: number): string {
    const key = `${offset % BODY_PERIOD} ${length}`;
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    const digest = createHash('sha1').update(this.bytes(offset, length)).digest('base64');
    this.#digests.set(key, digest);
    return digest;
  }
}

/** Writes a file of `size` bytes with this body. */
export async function writeBenchFile(path: string, size: number): Promise<void> {
  const body = new BenchBody();
  const file = await open(path, 'w');
  try {
    for (let offset = 0; offset < size; offset += BODY_PERIOD) {
      await file.writeFile(body.bytes(offset, Math.min(BODY_PERIOD, size - offset)));
    }
  } finally {
    await file.close();
  }
}

const wholeDigests = new Map<number, string>();

/** Returns the SHA-1, in base64, of a whole file of `size` bytes. Cached by size. */
export function wholeDigest(size: number): string {
  const known = wholeDigests.get(size);
  if (known !== undefined) return known;
  const body = new BenchBody();
  const hash = createHash('sha1');
  for (let offset = 0; offset < size; offset += BODY_PERIOD)
    hash.update(body.bytes(offset, Math.min(BODY_PERIOD, size - offset)));
  const digest = hash.digest('base64');
  wholeDigests.set(size, digest);
  return digest;
}
