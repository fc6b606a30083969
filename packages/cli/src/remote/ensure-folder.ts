import { ApiError, type CallOptions, type NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import { type Item, ROOT } from './find-item.ts';

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

/** Returns the folder with this path from the root folder, and creates it and its parents if they do not exist. */
export async function ensurePath(client: NodeClient, names: readonly string[]): Promise<Item> {
  let folder = ROOT;
  for (const name of names) folder = await ensureFolder(client, folder.id, name);
  return folder;
}

export function notAFolderError(name: string, cause?: unknown): Failure {
  return new Failure(EXIT.conflict, `${escapeControl(name)} already exists and is not a folder.`, { cause });
}
