import { ApiError, type CallOptions, type NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import type { Item } from './find-item.ts';

/** The folder of that name, made where there is none yet; `isNew` says whether it was. */
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
    const taken = await client.folders.findItemByName(parentId, name, options);
    if (taken?.type === 'folder') return { ...taken, isNew: false };
    throw notAFolder(name, error);
  }
}

export function notAFolder(name: string, cause?: unknown): Failure {
  return new Failure(EXIT.conflict, `${escapeControl(name)} is there already, and is no folder.`, { cause });
}
