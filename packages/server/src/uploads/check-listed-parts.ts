import type { Sha1 } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import { type BlobStore, LostPartsError, type PartLayout } from '../storage/blob-store.ts';
import { partRange } from './part-layout.ts';
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
export function checkListedParts(layout: PartLayout, stored: readonly Part[], listed: readonly ListedPart[]): void {
  const byId = new Map(stored.map((part) => [part.partId, part]));
  const named = new Set<number>();
  for (const part of listed) {
    const found = byId.get(part.partId.toUpperCase());
    if (found === undefined || !matchesListed(layout, found, part)) {
      throw new DomainError(
        'parts-mismatch',
        `The commit lists part ${part.partId} otherwise than it is stored, or it is not.`,
        {
          context: { part_id: part.partId },
        },
      );
    }
    named.add(found.index);
  }
  const isStored = new Set(stored.map((part) => part.index));
  for (let index = 0; index < layout.partCount; index++) {
    if (named.has(index)) continue;
    const { offset, length } = partRange(layout, index);
    const range = `bytes ${offset}-${offset + length - 1}`;
    const what = isStored.has(index) ? `is not listed in the commit` : `has not been uploaded`;
    throw new DomainError(
      'invalid-request',
      `The part with ${range} ${what}. The session stays open; commit again when it is.`,
      {
        context: {
          offset,
          size: length,
          total_parts: layout.partCount,
          parts_listed: named.size,
          parts_stored: stored.length,
        },
      },
    );
  }
}

function matchesListed(layout: PartLayout, part: Part, listed: ListedPart): boolean {
  const { offset, length } = partRange(layout, part.index);
  return (
    (listed.offset === undefined || listed.offset === offset) &&
    (listed.size === undefined || listed.size === length) &&
    (listed.sha1 === undefined || listed.sha1 === part.sha1)
  );
}

/** Parts that the store no longer has, just as they were listed: one that was stored anew since then is another. */
export class MissingPartsError extends Error {
  override readonly name = 'GoneParts';
  readonly parts: readonly StoredPart[];

  constructor(parts: readonly StoredPart[], options: ErrorOptions) {
    super(`the store no longer has parts ${parts.map(({ index }) => index).join(', ')}`, options);
    this.parts = parts;
  }
}

/** Seals a session's bytes, of which these are all the parts. Rejects with `MissingPartsError` where the store has lost some. */
export async function completeBlob(blobs: BlobStore, { staged }: Session, parts: readonly StoredPart[]): Promise<void> {
  try {
    await blobs.complete(
      staged,
      parts.map(({ tag: receipt }) => receipt),
    );
  } catch (error) {
    if (!(error instanceof LostPartsError)) throw error;
    const lost = new Set(error.parts);
    throw new MissingPartsError(
      parts.filter(({ index }) => lost.has(index)),
      { cause: error },
    );
  }
}
