import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { sha1Base64, splitIntoParts } from '../../support/bytes.ts';
import type { GeneratedClient } from './sdk.ts';

/** A body as the SDK expects it, in chunks of at most 64 KiB like those of a file stream. */
export function streamOf(bytes: Buffer): Readable {
  const chunks = splitIntoParts(bytes, 65536).map((piece) => piece.bytes);
  return Readable.from(chunks, { objectMode: false });
}

/** The two headers of a part. */
export function partHeaders(part: { offset: number; bytes: Buffer }, total: number) {
  const last = part.offset + part.bytes.length - 1;
  return { digest: digestOf(part.bytes), contentRange: `bytes ${part.offset}-${last}/${total}` };
}

export function digestOf(bytes: Buffer): string {
  return `sha=${sha1Base64(bytes)}`;
}

/** The bytes of a file, downloaded with the SDK, which follows the 302. */
export async function download(client: Pick<GeneratedClient, 'downloads'>, fileId: string): Promise<Buffer> {
  return buffer(present(await client.downloads.downloadFile(fileId)));
}

/** A value that is optional in the SDK's types and that Partway always sends. */
export function present<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new Error('The answer lacks a field that Box always sends.');
  return value;
}
