import type { S3Client } from '@aws-sdk/client-s3';
import type { Millis } from '@partway/protocol/ids';
import { SpooledBody } from '../spool/spooled-body.ts';
import type { ProvenFile } from '../spool/spooled-file.ts';
import { isGone } from './errors.ts';
import { type Persistence, persist } from './persist.ts';

/**
 * A body that lies in the spool is at S3, or refused, within this time: the most that `write` takes after the last byte
 * of its body. Clients wait 60 seconds for an answer, and a lease on a slot has to outlast it.
 */
export const PART_PATIENCE: Millis = 45_000;

/** How long calls are tried. */
export interface S3Limits {
  /** What S3 answers at once. */
  call: Persistence<never>;
  /** What carries a body; its silence begins anew whenever a piece of it has gone out. */
  body: Persistence<never>;
  /** Putting 10,000 parts together takes a store its time, in which some say nothing. */
  complete: Persistence<never>;
}

export const S3_LIMITS: S3Limits = {
  call: { patience: 30_000, silence: 10_000 },
  body: { patience: PART_PATIENCE, silence: 12_000 },
  complete: { patience: 150_000, silence: 50_000 },
};

/** One bucket, the client that knows the way there, and how long it is tried. */
export interface Bucket {
  client: S3Client;
  name: string;
  limits: S3Limits;
}

/** Where a bucket's object of that key lies, as commands take it. */
export function at({ name }: Bucket, key: string): { Bucket: string; Key: string } {
  return { Bucket: name, Key: key };
}

/** Makes a call until it is answered or its time is over. */
export function call<T>(
  operation: string,
  limits: Persistence<T>,
  send: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  return persist(operation, limits, ({ signal }) => send({ abortSignal: signal }));
}

/** What a command needs of a spooled body, and what S3 proves it by. */
export interface BodyInput {
  Body: SpooledBody;
  ContentLength: number;
  ChecksumCRC32?: string;
}

/** Makes a call that carries a spooled file, from the file's beginning at each try. */
export function callWithBody<T>(
  operation: string,
  limits: Persistence<T>,
  { file, length, proof }: ProvenFile,
  send: (body: BodyInput, options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  return persist(operation, limits, async (watchdog) => {
    const sha256 = 'sha256' in proof ? proof.sha256 : undefined;
    const Body = new SpooledBody(file.path, { sha256, onSent: () => watchdog.touch() });
    const input = { Body, ContentLength: length, ...('crc32' in proof && { ChecksumCRC32: proof.crc32 }) };
    // A request does not notice when what it sends breaks off.
    const { promise: broken, reject } = Promise.withResolvers<never>();
    Body.once('error', reject);
    try {
      return await Promise.race([send(input, { abortSignal: watchdog.signal }), broken]);
    } finally {
      Body.destroy();
    }
  });
}

/** The call's answer; undefined where what it is about is not there. */
export async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
