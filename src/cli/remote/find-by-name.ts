import { ApiError, type NodeClient } from '../../client/node/index.ts';
import type { Item } from './find-item.ts';
import { itemsIn } from './items-in.ts';

/**
 * The item of that name in a folder, whatever its case, as names are unique; undefined where there is none. Asks whether
 * a file of that name could come there, which a server answers without going through the folder: a taken name is refused
 * with who has it. Where that is not answered so, the folder is listed.
 */
export async function findByName(client: NodeClient, folderId: string, name: string): Promise<Item | undefined> {
  const asked = await askPreflight(client, folderId, name);
  return asked === 'unknown' ? look(client, folderId, name) : asked;
}

async function askPreflight(client: NodeClient, folderId: string, name: string): Promise<Item | undefined | 'unknown'> {
  try {
    await client.uploads.preflightFileUploadCheck({ name, parent: { id: folderId } });
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 401) throw error;
    const { conflicts } = error.contextInfo;
    const taken: unknown = Array.isArray(conflicts) ? conflicts[0] : conflicts;
    return error.code === 'item_name_in_use' && isItem(taken) ? taken : 'unknown';
  }
}

function isItem(value: unknown): value is Item {
  const { type, id, name } = (value ?? {}) as Partial<Item>;
  return (type === 'file' || type === 'folder') && typeof id === 'string' && typeof name === 'string';
}

async function look(client: NodeClient, folderId: string, name: string): Promise<Item | undefined> {
  const key = keyOf(name);
  for await (const item of itemsIn(client, folderId)) if (keyOf(item.name) === key) return item;
  return undefined;
}

function keyOf(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
