import { nameKey } from '@partway/protocol/names';
import type { Caller, CallOptions } from './call.ts';
import { ApiError, UnexpectedResponse } from './errors.ts';
import { itemPageShape, matchesShape } from './response-shape.ts';

/** The item that has a name in a folder. */
export interface NamedItem {
  type: 'file' | 'folder';
  id: string;
  name: string;
}

const PAGE_SIZE = 1000;

/**
 * Finds an item by its case-insensitive name in a folder. First it sends a preflight for a file of that name, which does
 * not require listing the folder: if the name is taken, the error contains the item. If that does not give a clear answer
 * (a proxy responds to OPTIONS itself, or the name is invalid), it lists the folder.
 */
export async function findByName(
  caller: Caller,
  api: string,
  folderId: string,
  name: string,
  options: CallOptions = {},
): Promise<NamedItem | undefined> {
  const found = await findByPreflight(caller, api, folderId, name, options);
  return found === 'unknown' ? findByListing(caller, api, folderId, name, options) : found;
}

async function findByPreflight(
  caller: Caller,
  api: string,
  folderId: string,
  name: string,
  options: CallOptions,
): Promise<NamedItem | undefined | 'unknown'> {
  try {
    const json = { name, parent: { id: folderId } };
    const shape = { upload_url: 'string' } as const;
    await caller.json({ ...options, method: 'OPTIONS', url: `${api}/files/content`, json }, { shape });
    return undefined;
  } catch (error) {
    if (error instanceof UnexpectedResponse) return 'unknown';
    // Errors about the token or the load say nothing about the name.
    if (!(error instanceof ApiError) || error.status === 401 || error.status === 429 || error.status >= 500)
      throw error;
    const conflict = [error.contextInfo.conflicts].flat()[0];
    return error.code === 'item_name_in_use' && isNamedItem(conflict) ? conflict : 'unknown';
  }
}

function isNamedItem(value: unknown): value is NamedItem {
  const { type } = (value ?? {}) as Partial<NamedItem>;
  return (type === 'file' || type === 'folder') && matchesShape(value, { id: 'id', name: 'string' });
}

async function findByListing(
  caller: Caller,
  api: string,
  folderId: string,
  name: string,
  options: CallOptions,
): Promise<NamedItem | undefined> {
  const key = nameKey(name);
  const fields = ['name'];
  let marker: string | undefined;
  do {
    const query = { fields, usemarker: true, limit: PAGE_SIZE, marker };
    const call = { ...options, method: 'GET', url: `${api}/folders/${folderId}/items`, query } as const;
    const page = await caller.json<{ entries: NamedItem[]; next_marker?: string | null }>(call, {
      shape: itemPageShape(fields),
    });
    const found = page.entries.find((entry) => nameKey(entry.name) === key);
    if (found !== undefined) return found;
    marker = page.next_marker || undefined;
  } while (marker !== undefined);
  return undefined;
}
