import type { CallOptions, NodeClient } from '@partway/client/node/index';
import type { Item } from './find-item.ts';

/** The item of that name in a folder, whatever its case, as names are unique; undefined where there is none. */
export function findByName(
  client: NodeClient,
  folderId: string,
  name: string,
  options: CallOptions = {},
): Promise<Item | undefined> {
  return client.folders.findItemByName(folderId, name, options);
}
