import { Refusal } from '@partway/protocol/errors';
import type { ItemId, Millis, Sha1, UserId } from '@partway/protocol/ids';
import type { ItemDetails } from '@partway/protocol/item-details';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { newContentId } from '../storage/blob-store.ts';
import { measured } from '../storage/verify.ts';
import { discardBlob, nameBlob } from './blobs.ts';
import { checkPlace } from './check-place.ts';
import type { Files } from './context.ts';
import { checkName } from './names.ts';
import { type NewContent, type Published, publishNewFile, publishNewVersion } from './publish.ts';
import { reserveSpace } from './reserve-space.ts';
import { checkVersion, type VersionChange } from './versions.ts';

/** A body that comes in one piece, and what the client says of it. */
export interface WholeBody {
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
export async function storeContent(
  files: Files,
  body: WholeBody,
  publish: (tx: Transaction<Tables>, made: NewContent) => Promise<Published>,
): Promise<Published> {
  const { db, content, inHand, clock, maxFileSize, userQuota, limits } = files;
  const id = newContentId();
  using _held = inHand.hold(id);
  const reservation = await reserveSpace(files, { blob: id, owner: body.caller, announced: body.announced });
  const { bytes, result } = measured(reservation.hold(body.bytes), maxFileSize);
  try {
    await content.put(id, bytes, body.caller, body.announced?.least);
  } catch (error) {
    // Should this fail too, the sweep does it.
    await discardBlob(files, id).catch(() => {});
    throw error;
  }
  try {
    const { size, sha1 } = result();
    checkDigest(sha1, body.sha1);
    const { contentCreatedAt, contentModifiedAt } = body;
    const made: NewContent = {
      content: id,
      size,
      sha1,
      by: body.caller,
      now: clock.now(),
      locksAt: clock.expiryTime(),
      userQuota,
      mostItems: limits.items,
      reserved: reservation.bytes,
      ...(contentCreatedAt !== undefined && { contentCreatedAt }),
      ...(contentModifiedAt !== undefined && { contentModifiedAt }),
    };
    return await db.transaction().execute(async (tx) => {
      const published = await publish(tx, made);
      await nameBlob(tx, id);
      return published;
    });
  } catch (error) {
    // After any other failure nobody knows whether the row is there: the sweep asks, and removes the bytes if not.
    if (error instanceof Refusal && error.status < 500) await discardBlob(files, id);
    throw error;
  }
}

function checkDigest(found: Sha1, announced: Sha1 | undefined): void {
  if (announced === undefined || announced === found) return;
  throw new Refusal(
    'bad_digest',
    `The content-md5 header says SHA-1 ${announced}; the bytes that came have ${found}. Nothing of them was kept.`,
  );
}

/**
 * Makes a file of a body that comes in one piece. Of two uploads of one name the first to end gets it. Refuses what
 * `checkPlace` does before a byte is stored, what `storeContent` does after.
 */
export async function uploadFile(
  files: Files,
  place: { folderId: ItemId; name: string; description?: string; details?: Partial<ItemDetails> },
  body: WholeBody,
): Promise<Published> {
  checkName(place.name);
  await checkPlace(files.db, { owner: body.caller, folderId: place.folderId, name: place.name });
  return storeContent(files, body, (tx, made) => publishNewFile(tx, place, made));
}

/** Makes a body that comes in one piece the new version of a file. Refuses as `checkVersion` and `storeContent` do. */
export async function uploadVersion(
  files: Files,
  fileId: ItemId,
  change: VersionChange,
  body: WholeBody,
): Promise<Published> {
  await checkVersion(files.db, body.caller, fileId, change);
  return storeContent(files, body, (tx, made) => publishNewVersion(tx, fileId, change, made));
}
