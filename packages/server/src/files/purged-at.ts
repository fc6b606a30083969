import type { Millis } from '@partway/protocol/ids';

/** How long Box keeps what was deleted, unless an enterprise says otherwise. */
const KEPT_IN_TRASH: Millis = 30 * 24 * 60 * 60 * 1000;

/**
 * Until when what went to the trash then is kept there at least; null for what did not. Nothing leaves the trash by itself
 * at that moment, and nothing leaves it by itself before.
 */
export function purgedAt(trashedAt: Millis | null): Millis | null {
  return trashedAt === null ? null : trashedAt + KEPT_IN_TRASH;
}
