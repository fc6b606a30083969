import type { NodeClient } from '@partway/client/node/index';
import { Semaphore } from '@partway/client/upload/semaphore';
import type { Filter } from '../transfer/filter/filter.ts';
import { assertNotInItself, type ListedItem, listItems } from './list-items.ts';

/** How many folders are listed concurrently. */
const MAX_LISTS = 4;

export interface TreeWalk {
  client: NodeClient;
  filter: Filter;
  signal: AbortSignal;
  /** Called for each item that the filter selects; for folders, before their items. `path`: from the top folder on. */
  found(path: string, item: ListedItem): void;
  /** Called for each item that the filter does not select. */
  excluded(path: string): void;
}

/** Lists everything in a folder on the server. */
export async function walkRemoteTree(walk: TreeWalk, folderId: string): Promise<void> {
  const lists = new Semaphore(MAX_LISTS);
  const visit = async (id: string, prefix: string, ancestors: readonly string[]): Promise<void> => {
    assertNotInItself(id, ancestors);
    const folders = await listOne(walk, lists, id, prefix);
    await Promise.all(folders.map(({ id: inner, path }) => visit(inner, `${path}/`, [...ancestors, id])));
  };
  await visit(folderId, '', []);
}

/** Lists one folder. Returns the folders in it. */
async function listOne(walk: TreeWalk, lists: Semaphore, id: string, prefix: string) {
  const folders: { id: string; path: string }[] = [];
  await lists.acquire(walk.signal);
  try {
    for await (const item of listItems(walk.client, id, { signal: walk.signal })) {
      const path = prefix + item.name;
      const isFolder = item.type === 'folder';
      if (!(isFolder ? walk.filter.mayEnter(path) : walk.filter.selects(path))) walk.excluded(path);
      else {
        walk.found(path, item);
        if (isFolder) folders.push({ id: item.id, path });
      }
    }
  } finally {
    lists.release();
  }
  return folders;
}
