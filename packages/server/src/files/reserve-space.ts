import type { BlobId, Millis, UserId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import { extendReservation, recordBlob, touchBlob } from './blobs.ts';
import type { FileContext } from './context.ts';
import { getSpace } from './quota.ts';

/** What is reserved at first for a body of unknown length; each further step is as much as all before it. */
const FIRST_STEP: number = 1024 * 1024;
const LARGEST_STEP: number = 64 * 1024 * 1024;
/** A step takes no more than one in so many of the bytes that are left. */
const LEFT_TO_OTHERS = 16;
/** How often the row of a blob says that its writer is at work; far below the lease of a writer. */
const SIGN_OF_LIFE: Millis = 60_000;

interface IncomingBody {
  blob: BlobId;
  owner: UserId;
  /** Between which sizes the body is, in bytes, as far as the request says; `least` is 0 if it says nothing. */
  announced: { least: number; most: number } | undefined;
}

/** The space that is reserved for a body until its blob has a name. */
interface SpaceReservation {
  /** Bytes reserved so far; 0 for a user without a quota. */
  readonly bytes: number;
  /** Passes the body through, and never more of it than is reserved. Throws `storage_limit_exceeded` before its end. */
  hold(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/**
 * Notes a blob that is about to be written, and reserves space for it against its owner's quota before its first byte
 * comes: all of what is announced, or in steps. So that bodies that arrive at the same time, also at several nodes, never
 * pass the quota together. Refuses `storage_limit_exceeded`.
 */
export async function reserveSpace(
  { db, clock, userQuota }: Pick<FileContext, 'db' | 'clock' | 'userQuota'>,
  { blob, owner, announced }: IncomingBody,
): Promise<SpaceReservation> {
  const { quota } = await getSpace(db, owner, userQuota);
  const limited = quota !== undefined;
  let reserved = limited ? (announced?.most ?? 0) : 0;
  const note = (reserve: number) => recordBlob(db, { blob, owner, reserve }, clock.lifetimesFrom(), userQuota);
  try {
    await note(reserved);
  } catch (error) {
    // What is announced includes what wraps the file: the file itself may still fit.
    if (!isFull(error) || announced === undefined || announced.least >= announced.most) throw error;
    reserved = announced.least;
    await note(reserved);
  }

  let step = FIRST_STEP;
  async function reserve(least: number): Promise<void> {
    const now = await getSpace(db, owner, userQuota);
    const room = now.quota === undefined ? Number.POSITIVE_INFINITY : now.quota - now.used - now.reserved;
    // Where little is left, no more than is there to be stored: others want some too.
    const bytes = Math.max(least, Math.min(step, Math.floor(room / LEFT_TO_OTHERS)));
    await extendReservation(db, { blob, owner, reserve: bytes }, clock.lifetimesFrom(), userQuota);
    reserved += bytes;
    step = Math.min(LARGEST_STEP, step * 2);
  }

  return {
    get bytes() {
      return reserved;
    },
    async *hold(body) {
      let size = 0;
      let signedAt = clock.monotonic();
      for await (const chunk of body) {
        size += chunk.length;
        if (limited && size > reserved) await reserve(size - reserved);
        if (clock.monotonic() - signedAt > SIGN_OF_LIFE) {
          await touchBlob(db, blob, clock.lifetimesFrom());
          signedAt = clock.monotonic();
        }
        yield chunk;
      }
    },
  };
}

function isFull(error: unknown): boolean {
  return error instanceof DomainError && error.code === 'quota-exceeded';
}
