import { Refusal } from '@partway/protocol/errors';
import type { Sha1 } from '@partway/protocol/ids';
import { type ContentStore, type Grid, LostParts } from '../storage/blob-store.ts';
import { slotAt } from './part-layout.ts';
import type { Part, Session, StoredPart } from './session.ts';

/** A part as a commit lists it: found by its id, held to whatever else is given. */
export interface ListedPart {
  partId: string;
  offset: number | undefined;
  size: number | undefined;
  sha1: Sha1 | undefined;
}

/**
 * Whether the list is exactly the stored parts, and these the whole file. `parts_mismatch` only where a listed part is
 * not there as listed, since some clients take it for "not yet" and wait.
 */
export function checkListedParts(grid: Grid, stored: readonly Part[], listed: readonly ListedPart[]): void {
  const byId = new Map(stored.map((part) => [part.partId, part]));
  const named = new Set<number>();
  for (const part of listed) {
    const found = byId.get(part.partId.toUpperCase());
    if (found === undefined || !agrees(grid, found, part)) {
      throw new Refusal(
        'parts_mismatch',
        `The commit lists part ${part.partId} otherwise than it is stored, or it is not.`,
        {
          context: { part_id: part.partId },
        },
      );
    }
    named.add(found.slot);
  }
  const isStored = new Set(stored.map((part) => part.slot));
  for (let slot = 0; slot < grid.slots; slot++) {
    if (named.has(slot)) continue;
    const { offset, length } = slotAt(grid, slot);
    const range = `bytes ${offset}-${offset + length - 1}`;
    const what = isStored.has(slot) ? `is not listed in the commit` : `has not been uploaded`;
    throw new Refusal(
      'bad_request',
      `The part with ${range} ${what}. The session stays open; commit again when it is.`,
      {
        context: {
          offset,
          size: length,
          total_parts: grid.slots,
          parts_listed: named.size,
          parts_stored: stored.length,
        },
      },
    );
  }
}

function agrees(grid: Grid, part: Part, listed: ListedPart): boolean {
  const { offset, length } = slotAt(grid, part.slot);
  return (
    (listed.offset === undefined || listed.offset === offset) &&
    (listed.size === undefined || listed.size === length) &&
    (listed.sha1 === undefined || listed.sha1 === part.sha1)
  );
}

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
