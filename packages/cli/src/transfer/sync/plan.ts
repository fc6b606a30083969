import { parentKeys, pathKey } from '../../remote/paths.ts';
import type { Comparison, Pair } from './compare-trees.ts';
import type { Tree, TreeEntry } from './tree.ts';

/** What a sync does, in this order. */
export interface SyncPlan {
  /** Folders to create and files to send. `destination`: the file that is replaced. */
  transfers: Transfer[];
  deletions: Deletion[];
  /** Transfers in the place of something that is deleted first. */
  lateTransfers: Transfer[];
  /** Pairs that cannot be synced. */
  conflicts: Pair[];
}

export interface Transfer {
  source: TreeEntry;
  destination?: TreeEntry;
}

/** An item to delete, with everything in it. */
export interface Deletion {
  entry: TreeEntry;
  /** The items in it, folders before their items. */
  contents: TreeEntry[];
  /** Whether something of another kind comes in its place. */
  isReplaced: boolean;
}

/** Decides what to do about the differences between two folders. */
export function planSync(
  { missing, different, otherKind, extra }: Comparison,
  destination: Tree,
  { deletes }: { deletes: boolean },
): SyncPlan {
  const isReplaceable = ({ source, destination: old }: Pair) =>
    deletes && source.kind !== 'other' && old.kind !== 'other' && !destination.incomplete.has(pathKey(old.path));
  const replaced = otherKind.filter(isReplaceable);
  // A link in the source is not sent, so it is not a conflict.
  const conflicts = otherKind.filter((pair) => pair.source.kind !== 'other' && !isReplaceable(pair));
  const [late, blocked] = [replaced, conflicts].map(
    (pairs) => new Set(pairs.map(({ source }) => pathKey(source.path))),
  );
  const isIn = (keys: Set<string> | undefined, { path }: TreeEntry) =>
    [...parentKeys(pathKey(path))].some((parent) => keys?.has(parent));
  const possible = missing.filter((entry) => !isIn(blocked, entry)).map((source) => ({ source }));
  return {
    transfers: [...possible.filter(({ source }) => !isIn(late, source)), ...different],
    deletions: deletes ? planDeletions([...extra, ...replaced.map((pair) => pair.destination)], destination, late) : [],
    lateTransfers: [
      ...replaced.map(({ source }) => ({ source })),
      ...possible.filter(({ source }) => isIn(late, source)),
    ],
    conflicts,
  };
}

/** Deletes whole folders if nothing in them has to stay. */
function planDeletions(
  entries: readonly TreeEntry[],
  { incomplete }: Tree,
  replaced: ReadonlySet<string> = new Set(),
): Deletion[] {
  const byKey = new Map<string, Deletion>();
  const deletions: Deletion[] = [];
  const sorted = entries.toSorted((a, b) => (pathKey(a.path) < pathKey(b.path) ? -1 : 1));
  for (const entry of sorted) {
    const key = pathKey(entry.path);
    if (entry.kind === 'folder' && incomplete.has(key)) continue;
    const around = [...parentKeys(key)].map((parent) => byKey.get(parent)).findLast((found) => found !== undefined);
    if (around !== undefined) around.contents.push(entry);
    else {
      const deletion = { entry, contents: [], isReplaced: replaced.has(key) };
      deletions.push(deletion);
      if (entry.kind === 'folder') byKey.set(key, deletion);
    }
  }
  return deletions;
}

/** How many items are deleted, including those in folders. */
export function countDeletions(deletions: readonly Deletion[]): number {
  return deletions.reduce((count, { contents }) => count + 1 + contents.length, 0);
}
