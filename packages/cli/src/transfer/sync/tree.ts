import type { ListedItem } from '../../remote/list-items.ts';
import { parentKeys, pathKey } from '../../remote/paths.ts';
import type { LocalFile } from '../upload/local-files.ts';

/** An item of a folder that is compared with another one. */
export interface TreeEntry {
  /** `other`: something that is neither sent nor replaced, such as a symbolic link. */
  kind: 'file' | 'folder' | 'other';
  /** From the top folder on, in the item's own spelling. */
  path: string;
  /** Bytes; 0 for anything but a file. */
  size: number;
  /** Hex. */
  sha1(): Promise<string | undefined>;
  /** The local file, if it is one. */
  local?: LocalFile;
  /** The item on the server, if it is there. */
  remote?: ListedItem;
}

/** Everything in a folder. */
export interface Tree {
  /** By `pathKey`, folders before their items. */
  entries: Map<string, TreeEntry>;
  /** Keys of folders that contain something that is not in `entries`, so they must not be deleted. */
  incomplete: Set<string>;
  /** Keys of the items that the filter does not select. */
  excluded: Set<string>;
  /** When reading began, in milliseconds since 1970. */
  readAt: number;
}

export function emptyTree(): Tree {
  return { entries: new Map(), incomplete: new Set(), excluded: new Set(), readAt: Date.now() };
}

/** Records that something at this path is not in the tree. */
export function markIncomplete({ incomplete }: Tree, path: string): void {
  for (const key of parentKeys(pathKey(path))) incomplete.add(key);
}

/** Records that the filter does not select this item. */
export function markExcluded(tree: Tree, path: string): void {
  tree.excluded.add(pathKey(path));
  markIncomplete(tree, path);
}

/**
 * Leaves out of both trees what the filter excludes in only one of them. It does, because filters distinguish names that
 * are the same for the server, such as `Archive` and `archive`.
 */
export function excludeInBoth(one: Tree, other: Tree): void {
  const excluded = one.excluded.union(other.excluded);
  if (excluded.size === 0) return;
  for (const tree of [one, other]) {
    for (const [key, { path }] of tree.entries) {
      if (!excluded.has(key) && !parentKeys(key).some((parent) => excluded.has(parent))) continue;
      tree.entries.delete(key);
      markIncomplete(tree, path);
    }
  }
}
