import { matchesGlob } from 'node:path';
import type { CallOptions, NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import { getItem, type Item, ROOT } from './find-item.ts';
import { listItems } from './list-items.ts';
import { isId, joinPath, parentKeys, pathKey, splitPath } from './paths.ts';
import { walkFolder } from './walk-folder.ts';

/** An item that a remote path on the command line refers to. */
export interface NamedItem extends Item {
  /** The path as the user wrote it, or the matching path from the root folder; for people. */
  path: string;
}

/** Whether a name contains a character with a meaning in a glob. */
function isGlob(name: string): boolean {
  return /[*?[{]/.test(name);
}

/** Whether a path on the command line is a glob, which can match several items. */
export function hasGlob(path: string): boolean {
  return !isId(path) && splitPath(path).some(isGlob);
}

/**
 * Returns the items for a path from the root folder, an ID, or a glob: `*`, `?`, `[a-z]` and `{a,b}` match within a name, and
 * `**` matches any number of folders or, at the end, all files below. As in a shell, names that begin with a dot match only
 * a pattern that does. An item whose name is the pattern itself comes first, so that `[1].txt` needs no escaping (otherwise,
 * it would be `[[]1].txt`).
 * @throws Failure if there is none.
 */
export async function expandPath(client: NodeClient, path: string, options: CallOptions = {}): Promise<NamedItem[]> {
  if (!hasGlob(path)) return [{ ...(await getItem(client, path, undefined, undefined, options)), path }];
  // Several ** in a row match what one does.
  const names = splitPath(path).filter((name, index, all) => name !== '**' || all[index - 1] !== '**');
  const found = await matchBelow({ client, options }, { ...ROOT, path: '/' }, names);
  // Different names of the pattern can lead to the same item.
  const items = new Map(found.map((item) => [`${item.type} ${item.id}`, item]));
  if (items.size > 0) return [...items.values()];
  throw new Failure(EXIT.notFound, `Nothing on the server matches ${escapeControl(joinPath(names))}.`);
}

/**
 * Leaves out items that are in a folder of the list. A command that copies, moves or removes a folder takes them with it, and
 * must not touch them a second time.
 */
export function withoutNested(items: readonly NamedItem[]): NamedItem[] {
  const folders = new Set(items.filter(({ type }) => type === 'folder').map(({ path }) => pathKey(path)));
  return items.filter(({ path }) => !parentKeys(pathKey(path)).some((parent) => folders.has(parent)));
}

interface Lookup {
  client: NodeClient;
  options: CallOptions;
}

async function matchBelow(lookup: Lookup, folder: NamedItem, names: readonly string[]): Promise<NamedItem[]> {
  const [name, ...rest] = names;
  if (name === undefined) return [folder];
  if (folder.type !== 'folder') return [];
  if (name === '**') return matchAnyDepth(lookup, folder, rest);
  const found: NamedItem[] = [];
  for (const item of await matchName(lookup, folder, name)) found.push(...(await matchBelow(lookup, item, rest)));
  return found;
}

/** Matches the rest of a pattern in a folder and in all folders below it; without a rest, all files. */
async function matchAnyDepth(lookup: Lookup, folder: NamedItem, rest: readonly string[]): Promise<NamedItem[]> {
  const { client, options } = lookup;
  const prefix = joinPath([...splitPath(folder.path), '']);
  const isVisible = ({ name }: Item) => !name.startsWith('.');
  const found: NamedItem[] = rest.length === 0 ? [] : await matchBelow(lookup, folder, rest);
  for await (const { item, path } of walkFolder(client, folder.id, { ...options, prefix, enters: isVisible })) {
    if (!isVisible(item)) continue;
    const named: NamedItem = { type: item.type, id: item.id, name: item.name, path };
    if (rest.length === 0 && item.type === 'file') found.push(named);
    if (rest.length > 0 && item.type === 'folder') found.push(...(await matchBelow(lookup, named, rest)));
  }
  return found;
}

async function matchName({ client, options }: Lookup, folder: NamedItem, name: string): Promise<NamedItem[]> {
  const withPath = ({ type, id, name: found }: Item): NamedItem => {
    return { type, id, name: found, path: joinPath([...splitPath(folder.path), found]) };
  };
  const literal = await client.folders.findItemByName(folder.id, name, options);
  if (literal !== undefined) return [withPath(literal)];
  if (!isGlob(name)) return [];
  const found: NamedItem[] = [];
  for await (const item of listItems(client, folder.id, options)) {
    if (matchesName(item.name, name)) found.push(withPath(item));
  }
  return found;
}

/** Compares as the server does, without case. */
function matchesName(name: string, pattern: string): boolean {
  return matchesGlob(nameKey(name), nameKey(pattern));
}
