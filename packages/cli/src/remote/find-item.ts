import { ApiError, type CallOptions, type NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl, quoteForShell } from '../output/text.ts';
import { isId, splitPath } from './paths.ts';

/** A file or folder on the server. */
export interface Item {
  type: 'file' | 'folder';
  id: string;
  name: string;
}

export const ROOT: Item = { type: 'folder', id: '0', name: '/' };

/** Returns advice for a path that does not exist. `missing`: the first missing item on the path, and its parent folder. */
type Advice = (missing: { path: string; parent: string }) => string;

/**
 * Returns the item with a path from the root folder, or with an ID.
 * @throws Failure if it does not exist, or is not of `type`.
 */
export async function getItem(
  client: NodeClient,
  path: string,
  type?: Item['type'],
  advice: Advice = suggestList,
  options: CallOptions = {},
): Promise<Item> {
  // For example from an unset shell variable: taking the root folder would be a surprise.
  if (path === '') throw new Failure(EXIT.usage, 'The path on the server is empty. The root folder is /.');
  const item = isId(path)
    ? await getItemById(client, path, type, options)
    : await getItemByPath(client, path, advice, options);
  if (type === undefined || item.type === type) return item;
  throw new Failure(EXIT.notFound, `${escapeControl(path)} is a ${item.type}, not a ${type}.`);
}

async function getItemByPath(client: NodeClient, path: string, advice: Advice, options: CallOptions): Promise<Item> {
  const names = splitPath(path);
  let item = ROOT;
  for (const [depth, name] of names.entries()) {
    const parent = `/${names.slice(0, depth).join('/')}`;
    if (item.type !== 'folder') throw new Failure(EXIT.notFound, `${escapeControl(parent)} is a file, not a folder.`);
    const next = await findByName(client, item.id, name, options);
    if (next === undefined) {
      const missing = `/${names.slice(0, depth + 1).join('/')}`;
      const message = `There is no ${escapeControl(missing)} on the server. ${advice({ path: missing, parent })}`;
      throw new Failure(EXIT.notFound, message);
    }
    item = next;
  }
  return item;
}

function suggestList({ parent }: { parent: string }): string {
  return `List its parent folder with: partway ls ${quoteForShell(parent)}`;
}

async function getItemById(
  client: NodeClient,
  id: string,
  type: Item['type'] | undefined,
  options: CallOptions,
): Promise<Item> {
  if (id === '0') return ROOT;
  const queryParams = { fields: ['name'] as const };
  if (type !== 'folder') {
    const file = await client.files.getFileById(id, { ...options, queryParams }).catch(ignoreNotFound);
    if (file !== undefined) return { type: 'file', id, name: file.name };
  }
  if (type !== 'file') {
    const folder = await client.folders.getFolderById(id, { ...options, queryParams }).catch(ignoreNotFound);
    if (folder !== undefined) return { type: 'folder', id, name: folder.name };
  }
  const hint = `For a ${type ?? 'file or folder'} with this name, use /${id}.`;
  throw new Failure(EXIT.notFound, `There is no ${type ?? 'file or folder'} with the ID ${id}. ${hint}`);
}

function ignoreNotFound(error: unknown): undefined {
  if (error instanceof ApiError && error.status === 404) return undefined;
  throw error;
}

/** Finds an item in a folder by its case-insensitive name. */
function findByName(
  client: NodeClient,
  folderId: string,
  name: string,
  options: CallOptions = {},
): Promise<Item | undefined> {
  return client.folders.findItemByName(folderId, name, options);
}
