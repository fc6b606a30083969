import { ApiError, type CallOptions, type NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import type { Item } from './find-item.ts';

/** Returns the folder with this name, and creates it if it does not exist. `isNew`: whether it was created. */
export async function ensureFolder(
  client: NodeClient,
  parentId: string,
  name: string,
  options: CallOptions = {},
): Promise<Item & { isNew: boolean }> {
  try {
    const { id } = await client.folders.createFolder({ name, parent: { id: parentId } }, options);
    return { type: 'folder', id, name, isNew: true };
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'item_name_in_use') throw error;
    const existing = await client.folders.findItemByName(parentId, name, options);
    if (existing?.type === 'folder') return { ...existing, isNew: false };
    throw notAFolderError(name, error);
  }
}

export function notAFolderError(name: string, cause?: unknown): Failure {
  return new Failure(EXIT.conflict, `${escapeControl(name)} already exists and is not a folder.`, { cause });
}
