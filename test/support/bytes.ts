import { createCipheriv, createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const CHUNK = 4 * 1024 * 1024;

/** Returns `size` pseudo-random bytes; the same seed gives the same bytes on every machine. */
export function seededBytes(size: number, seed: string): Buffer {
  return keystream(seed).update(Buffer.alloc(size));
}

/** The SHA-1 of `bytes` in lowercase hex, as in Box's file objects. */
export function sha1Hex(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

/** The SHA-1 of `bytes` in base64, as in the `digest` header after `sha=`. */
export function sha1Base64(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}

export function hexToBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}

/** Writes a file of `size` seeded bytes with at most 4 MiB of it in memory, and returns its SHA-1 in hex. */
export async function createFile(path: string, size: number, seed: string): Promise<string> {
  const file = await open(path, 'w');
  try {
    return await fill(file, size, seed);
  } finally {
    await file.close();
  }
}

/** The SHA-1 of a file in hex. */
export async function sha1OfFile(path: string): Promise<string> {
  const hash = createHash('sha1');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Splits `bytes` like a session: parts of `partSize` bytes, and a last one with the rest. Views, not copies. */
export function splitIntoParts(bytes: Buffer, partSize: number): { offset: number; bytes: Buffer }[] {
  const parts = [];
  for (let offset = 0; offset < bytes.length; offset += partSize) {
    parts.push({ offset, bytes: bytes.subarray(offset, offset + partSize) });
  }
  return parts;
}

async function fill(file: FileHandle, size: number, seed: string): Promise<string> {
  const hash: Hash = createHash('sha1');
  const stream = keystream(seed);
  const zeros = Buffer.alloc(Math.min(size, CHUNK));
  for (let offset = 0; offset < size; offset += CHUNK) {
    const chunk = stream.update(zeros.subarray(0, Math.min(CHUNK, size - offset)));
    hash.update(chunk);
    await file.writeFile(chunk);
  }
  return hash.digest('hex');
}

// AES in counter mode over zeros: cannot be deduplicated or compressed, and generates over 1 GB/s.
function keystream(seed: string) {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
}
