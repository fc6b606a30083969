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

/** A body that comes in one piece, and what the client says of it. */
export interface DirectUploadBody {
  caller: UserId;
  /** As long as it is; it throws before its end where the request breaks off. */
  bytes: AsyncIterable<Uint8Array>;
  /** The digest that the client announced, held against the bytes. */
  sha1: Sha1 | undefined;
  /** Between which sizes it is, in bytes, as far as the request says. */
  announced?: { least: number; most: number } | undefined;
  contentCreatedAt?: Millis;
  contentModifiedAt?: Millis;
}

/**
 * Bytes, then the row: stores the body, and lets `publish` name it in one transaction. Refuses `bad_digest`,
 * `file_size_limit_exceeded`, `storage_limit_exceeded` and what `publish` refuses; nothing of the bytes stays then.
 */
export async function storeBody(
  context: FileContext,
  body: DirectUploadBody,
  publish: (tx: Transaction<Tables>, made: NewBlob) => Promise<Published>,
): Promise<Published> {
  const { db, blobs, inFlight, clock, maxFileSize, userQuota, limits } = context;
  const id = newBlobId();
  using _held = inFlight.track(id);
  const reservation = await reserveSpace(context, { blob: id, owner: body.caller, announced: body.announced });
  const { bytes, result } = countAndHash(reservation.hold(body.bytes), maxFileSize);
  try {
    await blobs.put(id, bytes, body.caller, body.announced?.least);
  } catch (error) {
    // Should this fail too, the sweep does it.
    await discardBlob(context, id).catch(() => {});
    throw error;
  }
  try {
    const { size, sha1 } = result();
    checkDigest(sha1, body.sha1);
    const { contentCreatedAt, contentModifiedAt } = body;
    const made: NewBlob = {
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
      const published = await publish(tx, made);
      await referenceBlob(tx, id);
      return published;
    });
  } catch (error) {
    // After any other failure nobody knows whether the row is there: the sweep asks, and removes the bytes if not.
    if (error instanceof KnownError && error.isRejection) await discardBlob(context, id);
    throw error;
  }
}

function checkDigest(found: Sha1, announced: Sha1 | undefined): void {
  if (announced === undefined || announced === found) return;
  throw new DomainError(
    'announced-digest-mismatch',
    `The content-md5 header says SHA-1 ${announced}; the bytes that came have ${found}. Nothing of them was kept.`,
  );
}

/**
 * Makes a file of a body that comes in one piece. Of two uploads of one name the first to end gets it. Refuses what
 * `checkPlace` does before a byte is stored, what `storeBody` does after.
 */
export async function uploadFile(
  context: FileContext,
  place: { folderId: ItemId; name: string; description?: string; details?: Partial<ItemDetails> },
  body: DirectUploadBody,
): Promise<Published> {
  assertValidName(place.name);
  await checkPlace(context.db, { owner: body.caller, folderId: place.folderId, name: place.name });
  return storeBody(context, body, (tx, made) => publishNewFile(tx, place, made));
}

/** Makes a body that comes in one piece the new version of a file. Refuses as `checkVersion` and `storeBody` do. */
export async function uploadVersion(
  context: FileContext,
  fileId: ItemId,
  change: VersionChange,
  body: DirectUploadBody,
): Promise<Published> {
  await checkVersion(context.db, body.caller, fileId, change);
  return storeBody(context, body, (tx, made) => publishNewVersion(tx, fileId, change, made));
}
