import type { Sha1 } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import { type BlobStore, LostPartsError, type PartLayout } from '../storage/blob-store.ts';
import { partRange } from './part-layout.ts';
import type { Part, Session, StoredPart } from './session.ts';

/** A part in the list of a commit. It is identified by its ID; the other values have to match if they are given. */
export interface ListedPart {
  partId: string;
  offset: number | undefined;
  size: number | undefined;
  sha1: Sha1 | undefined;
}

/**
 * Checks that the commit lists all parts of the file, as they are stored. Throws `parts-mismatch` only if a listed part is
 * not stored as listed: some clients understand this error as "not yet" and wait.
 */
export function checkListedParts(layout: PartLayout, stored: readonly Part[], listed: readonly ListedPart[]): void {
  const storedById = new Map(stored.map((part) => [part.partId, part]));
  const listedIndexes = new Set<number>();
  for (const part of listed) {
    const found = storedById.get(part.partId.toUpperCase());
    if (found === undefined || !matchesListed(layout, found, part)) {
      throw new DomainError(
        'parts-mismatch',
        `Part ${part.partId} in the list of the commit is not stored, or the stored part differs.`,
        {
          context: { part_id: part.partId },
        },
      );
    }
    listedIndexes.add(found.index);
  }
  const storedIndexes = new Set(stored.map((part) => part.index));
  for (let index = 0; index < layout.partCount; index++) {
    if (listedIndexes.has(index)) continue;
    const { offset, length } = partRange(layout, index);
    const part = `The part with bytes ${offset}-${offset + length - 1}`;
    throw new DomainError(
      'invalid-request',
      storedIndexes.has(index)
        ? `${part} is not listed in the commit. The session stays open: commit again with all parts.`
        : `${part} has not been uploaded. The session stays open: upload the part and commit again.`,
      {
        context: {
          offset,
          size: length,
          total_parts: layout.partCount,
          parts_listed: listedIndexes.size,
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

/** The store has lost parts of a session. `parts` are these parts as they were read before: a part can be stored again. */
export class MissingPartsError extends Error {
  override readonly name = 'MissingPartsError';
  readonly parts: readonly StoredPart[];

  constructor(parts: readonly StoredPart[], options: ErrorOptions) {
    super(`the store no longer has parts ${parts.map(({ index }) => index).join(', ')}`, options);
    this.parts = parts;
  }
}

/** Completes a session's blob from `parts`, which are all of its parts. Throws `MissingPartsError` if the store has lost some. */
export async function completeBlob(blobs: BlobStore, { staged }: Session, parts: readonly StoredPart[]): Promise<void> {
  try {
    await blobs.complete(
      staged,
      parts.map(({ tag }) => tag),
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
