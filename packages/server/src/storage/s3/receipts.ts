import type { Receipt, Staging } from '../blob-store.ts';
import type { S3Part, S3Upload } from './multipart-uploads.ts';

/** What goes into a part's row: `ETAG`, or `ETAG CRC32` where S3 keeps one (base64). */
export function receiptOf({ etag, crc32 }: S3Part): Receipt {
  return crc32 === undefined ? etag : `${etag} ${crc32}`;
}

export function partOf(receipt: Receipt, index: number): S3Part {
  const [etag = '', crc32] = receipt.split(' ');
  return { number: index + 1, etag, ...(crc32 !== undefined && { crc32 }) };
}

/** What goes into a session's row: `UPLOAD-ID`, or `crc32 UPLOAD-ID` where S3 keeps a CRC-32 of each part. */
export function driverOf({ id, proof }: S3Upload): string {
  return proof === 'crc32' ? `crc32 ${id}` : id;
}

/** The upload of a staging; undefined where it never was one of S3's. */
export function uploadOf({ driver }: Staging, key: string): S3Upload | undefined {
  if (driver === undefined) return undefined;
  const [first = '', second] = driver.split(' ');
  return second === undefined ? { key, id: first, proof: 'sha256' } : { key, id: second, proof: 'crc32' };
}
