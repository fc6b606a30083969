import { matchesGlob } from 'node:path';
import type { CallOptions, NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import { getItem, type Item, ROOT } from './find-item.ts';
import { listItems } from './list-items.ts';
import { isId, joinPath, splitPath } from './paths.ts';

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
  const names = splitPath(path);
  if (!hasGlob(path)) {
    return [{ ...(await getItem(client, path, undefined, undefined, options)), path }];
  }
  const found = await matchBelow({ client, options }, { ...ROOT, path: '/' }, names);
  if (found.length > 0) return found;
  throw new Failure(EXIT.notFound, `Nothing on the server matches ${escapeControl(joinPath(names))}.`);
}

interface Lookup {
  client: NodeClient;
  options: CallOptions;
}

async function matchBelow(lookup: Lookup, folder: NamedItem, names: readonly string[]): Promise<NamedItem[]> {
  const [name, ...rest] = names;
  if (name === undefined) return [folder];
  if (folder.type !== 'folder') return [];
  if (name === '**' && rest.length === 0) {
    const below = await matchBelow(lookup, folder, ['**', '*']);
    return below.filter(({ type }) => type === 'file');
  }
  const found: NamedItem[] = [];
  for (const item of await matchName(lookup, folder, name)) {
    // A folder that `**` matches can contain more folders, or can be followed by the rest of the pattern.
    if (name === '**') found.push(...(await matchBelow(lookup, item, item.id === folder.id ? rest : names)));
    else found.push(...(await matchBelow(lookup, item, rest)));
  }
  return found;
}

async function matchName({ client, options }: Lookup, folder: NamedItem, name: string): Promise<NamedItem[]> {
  const withPath = (item: Item): NamedItem => ({ ...item, path: joinPath([...splitPath(folder.path), item.name]) });
  const literal = name === '**' ? undefined : await client.folders.findItemByName(folder.id, name, options);
  if (literal !== undefined) return [withPath(literal)];
  if (!isGlob(name)) return [];
  const found: NamedItem[] = name === '**' ? [folder] : [];
  for await (const item of listItems(client, folder.id, options)) {
    const isMatch = name === '**' ? item.type === 'folder' && !item.name.startsWith('.') : matchesName(item.name, name);
    if (isMatch) found.push(withPath(item));
  }
  return found;
}

/** Compares as the server does, without case. */
function matchesName(name: string, pattern: string): boolean {
  return matchesGlob(nameKey(name), nameKey(pattern));
}
