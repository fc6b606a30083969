import { planParts } from '../uploads/part-layout.ts';

/** Where file contents are stored: in the data folder, or in an S3 bucket, with a spool in the data folder. */
export type Storage = { kind: 'disk' } | S3Storage;

export interface S3Storage {
  kind: 's3';
  bucket: string;
  /** Without leading and trailing slashes; empty for the whole bucket. */
  prefix: string;
  /** Of an S3-compatible store; undefined for AWS. */
  endpoint: string | undefined;
  /** Put the bucket name into the path of URLs instead of the host name. */
  pathStyle: boolean;
  /** In bytes. */
  spoolSize: number;
  /** Smallest part that the store accepts, in bytes. Does not apply to the last part of a file. */
  minPartSize: number;
}

/** Largest object that S3 accepts: 5 TiB. */
const MAX_OBJECT_SIZE = 5 * 2 ** 40;

/** Parses `s3://bucket/prefix`; undefined for any other text. */
export function parseS3Url(text: string): { bucket: string; prefix: string } | undefined {
  const [, bucket, path = ''] =
    /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,62}[A-Za-z0-9])((?:\/[A-Za-z0-9._-]+)*)\/?$/.exec(text) ?? [];
  if (bucket === undefined) return undefined;
  const prefix = path.slice(1);
  return prefix.split('/').some((name) => name === '.' || name === '..') ? undefined : { bucket, prefix };
}

/** Parses the URL of an S3 store, an origin without a path; undefined for any other text. */
export function parseEndpoint(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '')
    return undefined;
  return url.username === '' && url.hash === '' ? url.origin : undefined;
}

/** Finds settings that do not fit together: parts or files that the store does not accept or the spool cannot hold. */
export function storageProblems(
  storage: Storage,
  { partSize, maxFileSize }: { partSize: number | undefined; maxFileSize: number | undefined },
): string[] {
  if (storage.kind === 'disk' || maxFileSize === undefined) return [];
  const problems: string[] = [];
  if (partSize !== undefined && partSize < storage.minPartSize) {
    problems.push(
      `PARTWAY_PART_SIZE=${partSize}: must be at least PARTWAY_S3_MIN_PART_SIZE, which is ${storage.minPartSize}`,
    );
  }
  if (maxFileSize > MAX_OBJECT_SIZE) {
    problems.push(`PARTWAY_MAX_FILE_SIZE=${maxFileSize}: must be 5TiB or less, the largest object that S3 accepts`);
  }
  const largestPart = planParts(maxFileSize, partSize).partSize;
  if (largestPart > storage.spoolSize) {
    problems.push(
      `PARTWAY_SPOOL_SIZE=${storage.spoolSize}: a file of PARTWAY_MAX_FILE_SIZE has parts of ${largestPart} bytes, and the ` +
        'spool must hold several; raise PARTWAY_SPOOL_SIZE or lower PARTWAY_MAX_FILE_SIZE',
    );
  }
  return problems;
}
