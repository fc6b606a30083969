import { ApiError, type NodeClient } from '../../client/node/index.ts';
import { EXIT, Failure } from '../exit-codes.ts';
import { shownText } from '../term/shown-text.ts';
import { findByName } from './find-by-name.ts';
import { isId, splitPath } from './split-path.ts';

/** A file or folder on the server, as far as it takes to do something with it. */
export interface Item {
  type: 'file' | 'folder';
  id: string;
  name: string;
}

export const ROOT: Item = { type: 'folder', id: '0', name: '/' };

/** The item at a path from the root folder, or with an id; of `type`, where that is said. */
export async function findItem(client: NodeClient, place: string, type?: Item['type']): Promise<Item> {
  const item = isId(place) ? await itemById(client, place, type) : await itemByPath(client, place, type);
  if (type === undefined || item.type === type) return item;
  throw new Failure(EXIT.notThere, `${shownText(place)} is a ${item.type}, not a ${type}.`);
}

async function itemByPath(client: NodeClient, place: string, type: Item['type'] | undefined): Promise<Item> {
  const names = splitPath(place);
  let item = ROOT;
  for (const [depth, name] of names.entries()) {
    const wanted = depth < names.length - 1 ? 'folder' : type;
    const next = item.type === 'folder' ? await findByName(client, item.id, name, wanted) : undefined;
    if (next === undefined) {
      const where = `/${names.slice(0, depth + 1).join('/')}`;
      const hint = isId(name)
        ? ''
        : ` partway ls ${shownText(`/${names.slice(0, depth).join('/')}`)} shows what there is.`;
      throw new Failure(EXIT.notThere, `There is no ${shownText(where)} on the server.${hint}`);
    }
    item = next;
  }
  return item;
}

async function itemById(client: NodeClient, id: string, type: Item['type'] | undefined): Promise<Item> {
  if (id === '0') return ROOT;
  const queryParams = { fields: ['name'] as const };
  if (type !== 'folder') {
    const file = await client.files.getFileById(id, { queryParams }).catch(unlessMissing);
    if (file !== undefined) return { type: 'file', id, name: file.name };
  }
  if (type !== 'file') {
    const folder = await client.folders.getFolderById(id, { queryParams }).catch(unlessMissing);
    if (folder !== undefined) return { type: 'folder', id, name: folder.name };
  }
  const hint = `A ${type ?? 'file or folder'} that is named so is /${id}.`;
  throw new Failure(EXIT.notThere, `There is no ${type ?? 'file or folder'} with the id ${id}. ${hint}`);
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof ApiError && error.status === 404) return undefined;
  throw error;
}
