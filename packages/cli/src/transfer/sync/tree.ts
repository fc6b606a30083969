import { nameKey } from '@partway/protocol/names';
import type { ListedItem } from '../../remote/list-items.ts';
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
}

export function emptyTree(): Tree {
  return { entries: new Map(), incomplete: new Set() };
}

/** Equal for paths that are the same for the server, which ignores case and Unicode form. */
export function pathKey(path: string): string {
  return path.split('/').map(nameKey).join('/');
}

/** Yields the keys of the folders around an item, from the inside out. */
export function* parentKeys(key: string): Generator<string> {
  for (let end = key.lastIndexOf('/'); end > 0; end = key.lastIndexOf('/', end - 1)) yield key.slice(0, end);
}

/** Records that something at this path is not in the tree. */
export function markIncomplete({ incomplete }: Tree, path: string): void {
  for (const key of parentKeys(pathKey(path))) incomplete.add(key);
}
