import type { Millis } from '@partway/protocol/ids';
import type { BlobStore } from '../blob-store.ts';
import type { Spool } from '../spool/spool.ts';
import { openS3Client, type S3Address } from './client.ts';
import { S3Error } from './errors.ts';
import { S3Keys } from './keys.ts';
import { S3Objects } from './objects.ts';
import { S3_LIMITS } from './retry.ts';
import { S3Store } from './s3-store.ts';

/** At a start, report errors soon instead of retrying for long. */
const START_LIMITS = { timeout: 8_000, idleTimeout: 5_000 };

export interface S3Location extends S3Address {
  /** The prefix of all keys, without a slash at its start or end; empty for the whole bucket. */
  prefix: string;
}

/** A store on S3, and what else the server needs from it. */
export interface OpenedS3Store {
  blobs: BlobStore;
  marker: S3OwnershipMarker;
  /** Resolves if the store responds. Sends a request at most every few seconds, and waits a few seconds at most. */
  ready(): Promise<void>;
  close(): void;
}

/** Opens the store and sends one small request, so that a configuration error is reported now, with its remedy. */
export async function openS3Store(place: S3Location, spool: Spool, limits = S3_LIMITS): Promise<OpenedS3Store> {
  const url = `s3://${place.bucket}${place.prefix && `/${place.prefix}`}`;
  const client = await openS3Client(place);
  const bucket = { client, name: place.bucket, limits };
  const keys = new S3Keys(place.prefix);
  const objects = new S3Objects(bucket);
  try {
    await objects.findKey(keys.blobs, START_LIMITS);
  } catch (error) {
    client.destroy();
    if (!(error instanceof S3Error)) throw error;
    throw new Error(`Partway cannot use ${url}${place.endpoint ? ` at ${place.endpoint}` : ''}. ${error.message}`);
  }
  const encrypted = place.endpoint === undefined || place.endpoint.startsWith('https:');
  return {
    blobs: new S3Store({ bucket, keys, spool, encrypted }),
    marker: createOwnershipMarker(objects, keys, place.bucket),
    ready: createReadinessCheck(objects, keys),
    close: () => client.destroy(),
  };
}

/** How long a result of the readiness check is reused. Failures are checked again sooner. */
const READY_TTL: Millis = 5_000;
const NOT_READY_TTL: Millis = 500;
const PROBE_LIMITS = { timeout: 3_000, idleTimeout: 2_000 };

/** Shares one request and its result among all probes, because many load balancers can probe at once. */
function createReadinessCheck(objects: S3Objects, keys: S3Keys): () => Promise<void> {
  let result: Promise<void> | undefined;
  let validUntil: Millis = Number.POSITIVE_INFINITY;
  return () => {
    if (result !== undefined && performance.now() < validUntil) return result;
    validUntil = Number.POSITIVE_INFINITY;
    result = objects.findKey(keys.blobs, PROBE_LIMITS).then(
      () => {
        validUntil = performance.now() + READY_TTL;
      },
      (error: unknown) => {
        validUntil = performance.now() + NOT_READY_TTL;
        throw error;
      },
    );
    return result;
  };
}

/** A small object below the prefix with the ID of the database that owns the blobs. */
interface S3OwnershipMarker {
  /** Its URL, for messages. */
  readonly place: string;
  /** Reads the ID. Returns undefined if there is no marker. */
  read(): Promise<string | undefined>;
  write(id: string): Promise<void>;
}

function createOwnershipMarker(objects: S3Objects, keys: S3Keys, bucket: string): S3OwnershipMarker {
  const place = `s3://${bucket}/${keys.owner}`;
  const read = async () => (await objects.getText(keys.owner))?.trim();
  return {
    place,
    read,
    async write(id) {
      await objects.putText(keys.owner, `${id}\n`);
      // If two servers write at once, the last write wins. Check that it was ours.
      if ((await read()) !== id) throw new Error(`Another server has just written its database ID to ${place}.`);
    },
  };
}
