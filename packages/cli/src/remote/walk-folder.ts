import type { CallOptions, NodeClient } from '@partway/client/node/index';
import { assertNotInItself, type ListedItem, listItems } from './list-items.ts';

interface FolderWalk extends CallOptions {
  /** In front of the paths: the path of the folder, with a slash at the end, or ''. */
  prefix: string;
  /** Which folders to list, too. */
  enters: (item: ListedItem, depth: number) => boolean;
  /** Whether a folder comes after what is in it. */
  foldersLast?: boolean;
}

/**
 * Yields what is in a folder and in the folders below it, with the path of each item, in the order of the listings.
 * @throws Failure if the server lists a folder in itself.
 */
export async function* walkFolder(
  client: NodeClient,
  folderId: string,
  { prefix, enters, foldersLast = false, ...options }: FolderWalk,
  ancestors: readonly string[] = [],
): AsyncGenerator<{ item: ListedItem; path: string }> {
  assertNotInItself(folderId, ancestors);
  for await (const item of listItems(client, folderId, options)) {
    const path = `${prefix}${item.name}`;
    if (!foldersLast || item.type !== 'folder') yield { item, path };
    if (item.type !== 'folder') continue;
    if (enters(item, ancestors.length)) {
      const inner = { prefix: `${path}/`, enters, foldersLast, ...options };
      yield* walkFolder(client, item.id, inner, [...ancestors, folderId]);
    }
    if (foldersLast) yield { item, path };
  }
}
