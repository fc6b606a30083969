import type { BlobId, Millis, UserId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import { extendReservation, recordBlob, touchBlob } from './blobs.ts';
import type { FileContext } from './context.ts';
import { getSpace } from './quota.ts';

/** Bytes reserved first for a body of unknown size. Each further step is twice as large, up to `MAX_STEP`. */
const FIRST_STEP: number = 1024 * 1024;
const MAX_STEP: number = 64 * 1024 * 1024;
/** A step reserves at most this fraction of the free quota, so that concurrent uploads get some of it. */
const MAX_STEP_FRACTION = 1 / 16;
/** How often a writer updates its blob's row. Blobs count as abandoned only after a much longer time. */
const TOUCH_INTERVAL: Millis = 60_000;

interface IncomingBody {
  blob: BlobId;
  owner: UserId;
  /** Bounds of the body's size in bytes, as far as the request announces them. */
  announced: { min: number; max: number } | undefined;
}

/** The quota reserved for a body until a version references its blob. */
interface SpaceReservation {
  /** Bytes reserved so far; 0 for a user without a quota. */
  readonly bytes: number;
  /**
   * Passes the body through and reserves more quota when needed. No byte is passed on before it is reserved. Throws
   * `quota-exceeded`, and `unavailable` if the blob was discarded meanwhile.
   */
  limitToQuota(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/**
 * Records a blob that is about to be written, and reserves quota for it: the announced size at once, or an unknown size
 * in steps. Because quota is reserved before bytes arrive, concurrent uploads on any number of nodes cannot exceed it
 * together. Throws `quota-exceeded`.
 */
export async function reserveSpace(
  { db, clock, userQuota }: Pick<FileContext, 'db' | 'clock' | 'userQuota'>,
  { blob, owner, announced }: IncomingBody,
): Promise<SpaceReservation> {
  const { quota } = await getSpace(db, owner, userQuota);
  const hasQuota = quota !== undefined;
  let reserved = hasQuota ? (announced?.max ?? 0) : 0;
  const record = (reserve: number) => recordBlob(db, { blob, owner, reserve }, clock.lifetimesFrom(), userQuota);
  try {
    await record(reserved);
  } catch (error) {
    // The maximum includes the multipart encoding around the file: the file itself can still fit.
    if (!isQuotaExceeded(error) || announced === undefined || announced.min >= announced.max) throw error;
    reserved = announced.min;
    await record(reserved);
  }

  let step = FIRST_STEP;
  async function reserve(min: number): Promise<void> {
    const space = await getSpace(db, owner, userQuota);
    const free = space.quota === undefined ? Number.POSITIVE_INFINITY : space.quota - space.used - space.reserved;
    const bytes = Math.max(min, Math.min(step, Math.floor(free * MAX_STEP_FRACTION)));
    await extendReservation(db, { blob, owner, reserve: bytes }, clock.lifetimesFrom(), userQuota);
    reserved += bytes;
    step = Math.min(MAX_STEP, step * 2);
  }

  return {
    get bytes() {
      return reserved;
    },
    async *limitToQuota(body) {
      let size = 0;
      let touchedAt = clock.monotonic();
      for await (const chunk of body) {
        size += chunk.length;
        if (hasQuota && size > reserved) await reserve(size - reserved);
        if (clock.monotonic() - touchedAt > TOUCH_INTERVAL) {
          await touchBlob(db, blob, clock.lifetimesFrom());
          touchedAt = clock.monotonic();
        }
        yield chunk;
      }
    },
  };
}

function isQuotaExceeded(error: unknown): boolean {
  return error instanceof DomainError && error.code === 'quota-exceeded';
}
