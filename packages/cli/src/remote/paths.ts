import { nameKey } from '@partway/protocol/names';

/** Splits a path on the server into names, from the root folder on. The root folder itself has none. */
export function splitPath(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** Whether a text is an ID and not a path: only digits. An item with such a name has the path `/123`. */
export function isId(text: string): boolean {
  return /^\d+$/.test(text);
}

/** Returns the path of these names from the root folder on. */
export function joinPath(names: readonly string[]): string {
  return `/${names.join('/')}`;
}

/** Equal for paths that are the same for the server, which ignores case and Unicode form. */
export function pathKey(path: string): string {
  return path.split('/').map(nameKey).join('/');
}

/** Yields the keys of the folders around an item, from the inside out. */
export function* parentKeys(key: string): Generator<string, undefined> {
  for (let end = key.lastIndexOf('/'); end > 0; end = key.lastIndexOf('/', end - 1)) yield key.slice(0, end);
}

/** Returns the path of the folder around an item, from the top folder on; '' for the top folder itself. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
