import { randomBytes } from 'node:crypto';
import type { ContentId } from '@partway/protocol/ids';

/** An id for bytes about to be stored: 128 random bits, so that no two contents ever share one. */
export function newContentId(): ContentId {
  return randomBytes(16).toString('hex') as ContentId;
}
