import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { partsOf, sha1Base64 } from '../../support/bytes.ts';
import type { GeneratedClient } from './sdk.ts';

/** A body as the SDK wants it, in pieces of at most 64 KiB as a file stream gives them. */
export function streamOf(bytes: Buffer): Readable {
  const pieces = partsOf(bytes, 65536).map((piece) => piece.bytes);
  return Readable.from(pieces, { objectMode: false });
}

/** The two headers of a part. */
export function partHeaders(part: { offset: number; bytes: Buffer }, total: number) {
  const last = part.offset + part.bytes.length - 1;
  return { digest: digestOf(part.bytes), contentRange: `bytes ${part.offset}-${last}/${total}` };
}

export function digestOf(bytes: Buffer): string {
  return `sha=${sha1Base64(bytes)}`;
}

/** The bytes of a file, fetched through the SDK (which follows the 302). */
export async function download(client: Pick<GeneratedClient, 'downloads'>, fileId: string): Promise<Buffer> {
  return buffer(given(await client.downloads.downloadFile(fileId)));
}

/** What the SDK declares as optional and Partway always sends. */
export function given<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new Error('The answer lacks a field that Box always sends.');
  return value;
}
