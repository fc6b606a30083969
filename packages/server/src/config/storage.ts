import { planParts } from '../uploads/part-layout.ts';

/** Where the bytes of files lie: below the data folder, or in a bucket, with a spool below the data folder. */
export type Storage = { kind: 'disk' } | S3Storage;

interface S3Storage {
  kind: 's3';
  bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  prefix: string;
  /** Of a store of another maker than AWS. */
  endpoint: string | undefined;
  pathStyle: boolean;
  spoolSize: number;
  /** The smallest part that the store takes, but for the last of an upload. */
  leastPartSize: number;
}

/** The largest object that S3 takes. */
const LARGEST_OBJECT = 5 * 2 ** 40;

/** `s3://bucket/prefix`; undefined for anything else. */
export function parseS3Url(text: string): { bucket: string; prefix: string } | undefined {
  const [, bucket, path = ''] =
    /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,62}[A-Za-z0-9])((?:\/[A-Za-z0-9._-]+)*)\/?$/.exec(text) ?? [];
  if (bucket === undefined) return undefined;
  const prefix = path.slice(1);
  return prefix.split('/').some((name) => name === '.' || name === '..') ? undefined : { bucket, prefix };
}

/** An address of an S3 store, without a path. */
export function parseEndpoint(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '')
    return undefined;
  return url.username === '' && url.hash === '' ? url.origin : undefined;
}

/** What does not fit together: parts that the store does not take, or that the spool does not hold. */
export function storageProblems(
  storage: Storage,
  { partSize, maxFileSize }: { partSize: number | undefined; maxFileSize: number | undefined },
): string[] {
  if (storage.kind === 'disk' || maxFileSize === undefined) return [];
  const problems: string[] = [];
  if (partSize !== undefined && partSize < storage.leastPartSize) {
    problems.push(`PARTWAY_PART_SIZE=${partSize}: S3 takes no parts below 5 MiB; give 8MiB or more`);
  }
  if (maxFileSize > LARGEST_OBJECT) {
    problems.push(`PARTWAY_MAX_FILE_SIZE=${maxFileSize}: S3 takes no object above 5 TiB; give 5TiB or less`);
  }
  const largestPart = planParts(maxFileSize, partSize).partSize;
  if (largestPart > storage.spoolSize) {
    problems.push(
      `PARTWAY_SPOOL_SIZE=${storage.spoolSize}: a file of PARTWAY_MAX_FILE_SIZE has parts of ${largestPart} bytes, and the ` +
        'spool must hold several; raise the one or lower the other',
    );
  }
  return problems;
}
