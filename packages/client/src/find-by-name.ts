import { nameKey } from '@partway/protocol/names';
import type { Caller, CallOptions } from './call.ts';
import { ApiError, UnexpectedResponse } from './errors.ts';
import { itemPageShape } from './response-shape.ts';

/** An item of a folder, as far as it takes to tell what has a name. */
export interface NamedItem {
  type: 'file' | 'folder';
  id: string;
  name: string;
}

const PAGE = 1000;

/**
 * The item of that name in a folder, whatever its case, as names are unique; undefined where there is none. Asks whether
 * a file of that name could come there, which a server answers without going through the folder: a taken name is refused
 * with who has it. Where that is not answered so (a proxy answers OPTIONS itself, or the name is none), the folder is listed.
 */
export async function findByName(
  caller: Caller,
  api: string,
  folderId: string,
  name: string,
  options: CallOptions = {},
): Promise<NamedItem | undefined> {
  const asked = await askPreflight(caller, api, folderId, name, options);
  return asked === 'unknown' ? look(caller, api, folderId, name, options) : asked;
}

async function askPreflight(
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
    // What is refused for the token or the load is no answer to the question.
    if (!(error instanceof ApiError) || error.status === 401 || error.status === 429 || error.status >= 500)
      throw error;
    const taken = [error.contextInfo.conflicts].flat()[0];
    return error.code === 'item_name_in_use' && isNamedItem(taken) ? taken : 'unknown';
  }
}

function isNamedItem(value: unknown): value is NamedItem {
  const { type, id, name } = (value ?? {}) as Partial<NamedItem>;
  return (type === 'file' || type === 'folder') && typeof id === 'string' && typeof name === 'string';
}

async function look(
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
    const query = { fields, usemarker: true, limit: PAGE, marker };
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
