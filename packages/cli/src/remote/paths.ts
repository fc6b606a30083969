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
