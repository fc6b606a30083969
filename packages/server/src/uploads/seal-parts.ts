import { type ContentStore, LostParts } from '../storage/blob-store.ts';
import type { Session, StoredPart } from './session.ts';

/** Parts that the store no longer has, just as they were listed: one that was stored anew since then is another. */
export class GoneParts extends Error {
  override readonly name = 'GoneParts';
  readonly parts: readonly StoredPart[];

  constructor(parts: readonly StoredPart[], options: ErrorOptions) {
    super(`the store no longer has parts ${parts.map(({ slot }) => slot).join(', ')}`, options);
    this.parts = parts;
  }
}

/** Seals a session's bytes, of which these are all the parts. Rejects with `GoneParts` where the store has lost some. */
export async function sealParts(
  content: ContentStore,
  { staging }: Session,
  parts: readonly StoredPart[],
): Promise<void> {
  try {
    await content.seal(
      staging,
      parts.map(({ receipt }) => receipt),
    );
  } catch (error) {
    if (!(error instanceof LostParts)) throw error;
    const lost = new Set(error.slots);
    throw new GoneParts(
      parts.filter(({ slot }) => lost.has(slot)),
      { cause: error },
    );
  }
}
