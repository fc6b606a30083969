import { ApiError, type CallOptions, type NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl, quoteForShell } from '../output/text.ts';
import { isId, splitPath } from './paths.ts';

/** A file or folder on the server, as far as it takes to do something with it. */
export interface Item {
  type: 'file' | 'folder';
  id: string;
  name: string;
}

export const ROOT: Item = { type: 'folder', id: '0', name: '/' };

/** What to do where a path is not there: `missing` is how much of it is not, from the root folder on. */
type Advice = (missing: { path: string; parent: string }) => string;

/** The item at a path from the root folder, or with an id; of `type`, where that is said. */
export async function getItem(
  client: NodeClient,
  place: string,
  type?: Item['type'],
  advice: Advice = lookAround,
  options: CallOptions = {},
): Promise<Item> {
  // As of a variable that is not set: the root folder would be a surprise.
  if (place === '') throw new Failure(EXIT.usage, 'An empty path names nothing on the server; the root folder is /.');
  const item = isId(place)
    ? await itemById(client, place, type, options)
    : await itemByPath(client, place, advice, options);
  if (type === undefined || item.type === type) return item;
  throw new Failure(EXIT.notThere, `${escapeControl(place)} is a ${item.type}, not a ${type}.`);
}

async function itemByPath(client: NodeClient, place: string, advice: Advice, options: CallOptions): Promise<Item> {
  const names = splitPath(place);
  let item = ROOT;
  for (const [depth, name] of names.entries()) {
    const parent = `/${names.slice(0, depth).join('/')}`;
    if (item.type !== 'folder') throw new Failure(EXIT.notThere, `${escapeControl(parent)} is a file, not a folder.`);
    const next = await findByName(client, item.id, name, options);
    if (next === undefined) {
      const path = `/${names.slice(0, depth + 1).join('/')}`;
      throw new Failure(EXIT.notThere, `There is no ${escapeControl(path)} on the server. ${advice({ path, parent })}`);
    }
    item = next;
  }
  return item;
}

function lookAround({ parent }: { parent: string }): string {
  return `partway ls ${quoteForShell(parent)} shows what there is.`;
}

async function itemById(
  client: NodeClient,
  id: string,
  type: Item['type'] | undefined,
  options: CallOptions,
): Promise<Item> {
  if (id === '0') return ROOT;
  const queryParams = { fields: ['name'] as const };
  if (type !== 'folder') {
    const file = await client.files.getFileById(id, { ...options, queryParams }).catch(unlessMissing);
    if (file !== undefined) return { type: 'file', id, name: file.name };
  }
  if (type !== 'file') {
    const folder = await client.folders.getFolderById(id, { ...options, queryParams }).catch(unlessMissing);
    if (folder !== undefined) return { type: 'folder', id, name: folder.name };
  }
  const hint = `A ${type ?? 'file or folder'} that is named so is /${id}.`;
  throw new Failure(EXIT.notThere, `There is no ${type ?? 'file or folder'} with the id ${id}. ${hint}`);
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof ApiError && error.status === 404) return undefined;
  throw error;
}

/** The item of that name in a folder, whatever its case, as names are unique; undefined where there is none. */
function findByName(
  client: NodeClient,
  folderId: string,
  name: string,
  options: CallOptions = {},
): Promise<Item | undefined> {
  return client.folders.findItemByName(folderId, name, options);
}
