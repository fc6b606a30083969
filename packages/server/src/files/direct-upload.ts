import type { ItemId, Millis, Sha1, UserId } from '@partway/protocol/ids';
import type { ItemDetails } from '@partway/protocol/item-details';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { DomainError, KnownError } from '../errors.ts';
import { newBlobId } from '../storage/blob-store.ts';
import { countAndHash } from '../storage/verify.ts';
import { discardBlob, referenceBlob } from './blobs.ts';
import { checkPlace } from './check-place.ts';
import type { FileContext } from './context.ts';
import { assertValidName } from './names.ts';
import { type NewBlob, type Published, publishNewFile, publishNewVersion } from './publish.ts';
import { reserveSpace } from './reserve-space.ts';
import { checkVersion, type VersionChange } from './versions.ts';

/** A file that is uploaded in one request, with what the client announces about it. */
export interface DirectUploadBody {
  caller: UserId;
  /** Throws if the request ends early. */
  bytes: AsyncIterable<Uint8Array>;
  /** The announced digest; the bytes are verified against it. */
  sha1: Sha1 | undefined;
  /** Bounds of the file's size in bytes, as far as the request announces them. */
  announced?: { min: number; max: number } | undefined;
  contentCreatedAt?: Millis;
  contentModifiedAt?: Millis;
}

/**
 * Stores the bytes, then calls `publish` to insert the rows in one transaction. Throws `announced-digest-mismatch`,
 * `file-too-large`, `quota-exceeded`, and the errors of `publish`. The bytes are removed if the upload is rejected.
 */
export async function storeBody(
  context: FileContext,
  body: DirectUploadBody,
  publish: (tx: Transaction<Tables>, newBlob: NewBlob) => Promise<Published>,
): Promise<Published> {
  const { db, blobs, inFlight, clock, maxFileSize, userQuota, limits } = context;
  const id = newBlobId();
  using _tracked = inFlight.track(id);
  const reservation = await reserveSpace(context, { blob: id, owner: body.caller, announced: body.announced });
  const { bytes, result } = countAndHash(reservation.limitToQuota(body.bytes), maxFileSize);
  try {
    await blobs.put(id, bytes, body.caller, body.announced?.min);
  } catch (error) {
    // If this fails too, garbage collection deletes the blob later.
    await discardBlob(context, id).catch(() => {});
    throw error;
  }
  try {
    const { size, sha1 } = result();
    checkDigest(sha1, body.sha1);
    const { contentCreatedAt, contentModifiedAt } = body;
    const newBlob: NewBlob = {
      blob: id,
      size,
      sha1,
      by: body.caller,
      now: clock.now(),
      locksAt: clock.expiryTime(),
      userQuota,
      maxItems: limits.items,
      reserved: reservation.bytes,
      ...(contentCreatedAt !== undefined && { contentCreatedAt }),
      ...(contentModifiedAt !== undefined && { contentModifiedAt }),
    };
    return await db.transaction().execute(async (tx) => {
      const published = await publish(tx, newBlob);
      await referenceBlob(tx, id);
      return published;
    });
  } catch (error) {
    // After any other error it is unknown whether the transaction committed: garbage collection decides by the rows.
    if (error instanceof KnownError && error.isRejection) await discardBlob(context, id);
    throw error;
  }
}

function checkDigest(actual: Sha1, announced: Sha1 | undefined): void {
  if (announced === undefined || announced === actual) return;
  throw new DomainError(
    'announced-digest-mismatch',
    `The SHA-1 in the content-md5 header is ${announced}, but the received bytes have ${actual}. Nothing was stored.`,
  );
}

/**
 * Creates a file from a body. Of two concurrent uploads with the same name, the first to complete gets the name. Throws
 * the errors of `checkPlace` before any byte is stored, and those of `storeBody` afterwards.
 */
export async function uploadFile(
  context: FileContext,
  place: { folderId: ItemId; name: string; description?: string; details?: Partial<ItemDetails> },
  body: DirectUploadBody,
): Promise<Published> {
  assertValidName(place.name);
  await checkPlace(context.db, { owner: body.caller, folderId: place.folderId, name: place.name });
  return storeBody(context, body, (tx, newBlob) => publishNewFile(tx, place, newBlob));
}

/** Creates a new version of a file from a body. Throws the errors of `checkVersion` and `storeBody`. */
export async function uploadVersion(
  context: FileContext,
  fileId: ItemId,
  change: VersionChange,
  body: DirectUploadBody,
): Promise<Published> {
  await checkVersion(context.db, body.caller, fileId, change);
  return storeBody(context, body, (tx, newBlob) => publishNewVersion(tx, fileId, change, newBlob));
}
