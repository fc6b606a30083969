import { ApiError, type NodeClient } from '../../client/node/index.ts';
import { EXIT, Failure } from '../exit-codes.ts';
import { shownText } from '../term/shown-text.ts';
import { findByName } from './find-by-name.ts';
import type { Item } from './find-item.ts';

/** The folder of that name, made where there is none yet. */
export async function ensureFolder(client: NodeClient, parentId: string, name: string): Promise<Item> {
  try {
    const { id } = await client.folders.createFolder({ name, parent: { id: parentId } });
    return { type: 'folder', id, name };
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'item_name_in_use') throw error;
    const taken = await findByName(client, parentId, name);
    if (taken?.type === 'folder') return taken;
    throw new Failure(EXIT.conflict, `${shownText(name)} is there already, and is no folder.`, { cause: error });
  }
}
