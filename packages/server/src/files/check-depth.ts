import type { Kysely } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { limitReached } from '../limits.ts';
import type { Files } from './context.ts';
import type { FoundItem } from './find-item.ts';
import { measureTree } from './measure-tree.ts';

/** Refuses `operation_limit_exceeded` for a folder, with `height` levels of folders in it, that goes into another. */
export function checkDepth({ limits }: Pick<Files, 'limits'>, into: Pick<FoundItem, 'depth'>, height = 0): void {
  const depth = into.depth + 1 + height;
  if (depth <= limits.depth) return;
  throw limitReached(
    'depth',
    `Folders may be ${limits.depth} deep here, and this would be ${depth}: choose a folder further up.`,
    { depth, most: limits.depth },
  );
}

/**
 * How many levels of folders are in a folder that is to go elsewhere. Read before the transaction, which then holds
 * nobody up for it. Refuses `operation_limit_exceeded` if there are too many folders to say.
 */
export async function heightOf(
  { limits }: Pick<Files, 'limits'>,
  db: Kysely<Tables>,
  folder: Pick<ItemRow, 'id' | 'child_count'>,
): Promise<number> {
  if (folder.child_count === 0) return 0;
  const { items, height } = await measureTree(db, folder.id, { most: limits.copyItems, foldersOnly: true });
  if (items > limits.copyItems) throw tooManyToMove(limits.copyItems);
  return height;
}

function tooManyToMove(most: number) {
  return limitReached(
    'copyItems',
    `There are more than ${most} folders in it, too many to go deeper at once: move what is in it, one by one.`,
    { most },
  );
}
