import type { Millis } from '@partway/protocol/ids';
import type { BlobStore } from '../blob-store.ts';
import type { Spool } from '../spool/spool.ts';
import { openS3Client, type S3Address } from './client.ts';
import { S3Error } from './errors.ts';
import { S3Keys } from './keys.ts';
import { S3Objects } from './objects.ts';
import { S3_LIMITS } from './retry.ts';
import { S3Store } from './s3-store.ts';

/** At a start nobody waits for long: what is wrong is said, and whoever started it starts it again. */
const START = { timeout: 8_000, idleTimeout: 5_000 };

export interface S3Location extends S3Address {
  /** Below which everything lies; without slashes at its ends, empty for the whole bucket. */
  prefix: string;
}

/** A store on S3, with what the server needs of it beside the contents. */
export interface OpenedS3Store {
  blobs: BlobStore;
  /** Says whose these contents are. */
  marker: S3OwnershipMarker;
  /** Resolves where the store answers; asks it at most every few seconds, and waits a few seconds at most. */
  ready(): Promise<void>;
  close(): void;
}

/** Opens the store and asks it one small question, so that what is wrong is said now, in one sentence, with its remedy. */
export async function openS3Store(place: S3Location, spool: Spool, limits = S3_LIMITS): Promise<OpenedS3Store> {
  const where = `s3://${place.bucket}${place.prefix && `/${place.prefix}`}`;
  const client = await openS3Client(place);
  const bucket = { client, name: place.bucket, limits };
  const keys = new S3Keys(place.prefix);
  const objects = new S3Objects(bucket);
  try {
    await objects.anyWithPrefix(keys.blobs, START);
  } catch (error) {
    client.destroy();
    if (!(error instanceof S3Error)) throw error;
    throw new Error(`Partway cannot use ${where}${place.endpoint ? ` at ${place.endpoint}` : ''}. ${error.message}`);
  }
  const encrypted = place.endpoint === undefined || place.endpoint.startsWith('https:');
  return {
    blobs: new S3Store({ bucket, keys, spool, encrypted }),
    marker: ownershipMarker(objects, keys, place.bucket),
    ready: readiness(objects, keys),
    close: () => client.destroy(),
  };
}

/** How long an answer counts: a good one, and a bad one, after which somebody waits for the good one. */
const FRESH: Millis = 5_000;
const FRESH_FAILURE: Millis = 500;
const PROBE = { timeout: 3_000, idleTimeout: 2_000 };

/** Probes may come from many balancers at once: they share one question, and its answer for a while. */
function readiness(objects: S3Objects, keys: S3Keys): () => Promise<void> {
  let answer: Promise<void> | undefined;
  let until: Millis = Number.POSITIVE_INFINITY;
  return () => {
    if (answer !== undefined && performance.now() < until) return answer;
    until = Number.POSITIVE_INFINITY;
    answer = objects.anyWithPrefix(keys.blobs, PROBE).then(
      () => {
        until = performance.now() + FRESH;
      },
      (error: unknown) => {
        until = performance.now() + FRESH_FAILURE;
        throw error;
      },
    );
    return answer;
  };
}

/** Where a prefix says which database names the contents below it: a small object beside them. */
interface S3OwnershipMarker {
  /** Where it lies, for people. */
  readonly place: string;
  /** The id that was written; undefined where there is none. */
  read(): Promise<string | undefined>;
  write(id: string): Promise<void>;
}

function ownershipMarker(objects: S3Objects, keys: S3Keys, bucket: string): S3OwnershipMarker {
  const place = `s3://${bucket}/${keys.owner}`;
  const read = async () => (await objects.getText(keys.owner))?.trim();
  return {
    place,
    read,
    async write(id) {
      await objects.putText(keys.owner, `${id}\n`);
      // Two databases that come at once write over one another; the one that lost must not believe that it won.
      if ((await read()) !== id) throw new Error(`Another server has just taken ${place} for its database.`);
    },
  };
}
