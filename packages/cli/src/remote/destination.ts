import type { NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl, quoteForShell } from '../output/text.ts';
import { getItem, type Item } from './find-item.ts';
import { isId, joinPath, splitPath } from './paths.ts';

/** Where a copied or moved item goes. */
export interface Destination {
  folder: Item;
  /** The path of the folder, for people. */
  folderPath: string;
  /** The new name; undefined if the item keeps its name. */
  name: string | undefined;
}

/**
 * Returns where items go for the last path of `cp` or `mv`: into the folder that it names or, for a single item, to the name
 * that it ends with, in an existing folder.
 * @throws Failure if there is no such folder, or the path is a file.
 */
export async function findDestination(
  client: NodeClient,
  path: string,
  { isMultiple, itselfId }: { isMultiple: boolean; itselfId?: string | undefined },
): Promise<Destination> {
  if (isId(path)) return { folder: await getItem(client, path, 'folder'), folderPath: path, name: undefined };
  const names = splitPath(path);
  const name = names.at(-1);
  if (name === undefined) return { folder: await getItem(client, '/'), folderPath: '/', name: undefined };
  const parentPath = joinPath(names.slice(0, -1));
  const parent = await getItem(client, parentPath, 'folder');
  const found = await client.folders.findItemByName(parent.id, name);
  const shown = joinPath(names);
  // A folder whose name changes only in case is renamed.
  if (found?.type === 'folder' && found.id !== itselfId) return { folder: found, folderPath: shown, name: undefined };
  if (isMultiple || path.endsWith('/')) throw noFolderError(shown, found !== undefined);
  return { folder: parent, folderPath: parentPath, name };
}

function noFolderError(path: string, isFile: boolean): Failure {
  if (isFile) return new Failure(EXIT.conflict, `${escapeControl(path)} is a file, not a folder.`);
  const advice = `Create it first: partway mkdir -p ${quoteForShell(path)}`;
  return new Failure(EXIT.notFound, `There is no folder ${escapeControl(path)} on the server. ${advice}`);
}
