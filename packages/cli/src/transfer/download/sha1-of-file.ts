import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** What one read takes from the disk. */
const READ_BYTES = 1024 * 1024;

/** The SHA-1 of a file on this machine, in hex. */
export async function sha1OfFile(path: string): Promise<string> {
  const hash = createHash('sha1');
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
