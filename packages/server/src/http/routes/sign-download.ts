import { createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal } from '@partway/protocol/errors';
import type { ItemId, Millis, VersionId } from '@partway/protocol/ids';
import { isStillGood } from '../../time/clock.ts';

/** How long a signed address works: long enough to be followed, too short to be kept. A download begun goes on. */
const SIGNED_FOR: Millis = 5 * 60 * 1000;

export interface SignedVersion {
  fileId: ItemId;
  versionId: VersionId;
}

/** The path and query under which whoever has them may read this version for a few minutes. */
export function signDownload(key: Buffer, { fileId, versionId }: SignedVersion, now: Millis): string {
  const expires = Math.floor((now + SIGNED_FOR) / 1000);
  const signature = sign(key, { fileId, versionId }, expires).toString('base64url');
  return `/downloads/${fileId}/${versionId}?expires=${expires}&signature=${signature}`;
}

/** Refuses `forbidden` where the address was not signed here or is too old. */
export function checkSignature(
  key: Buffer,
  signed: SignedVersion,
  { expires, signature }: { expires?: unknown; signature?: unknown },
  now: Millis,
): void {
  const given = Buffer.from(String(signature), 'base64url');
  const right = sign(key, signed, Number(expires));
  if (given.length !== right.length || !timingSafeEqual(given, right)) {
    throw new Refusal('forbidden', 'This download address was not made by this server.');
  }
  if (!isStillGood(Number(expires) * 1000 + 1, SIGNED_FOR, now)) {
    throw new Refusal('forbidden', 'This download address has expired: ask for the content again.');
  }
}

function sign(key: Buffer, { fileId, versionId }: SignedVersion, expires: number): Buffer {
  return createHmac('sha256', key).update(`download ${fileId} ${versionId} ${expires}`).digest();
}
