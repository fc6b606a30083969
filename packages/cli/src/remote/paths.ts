/** The names in a path on the server, from the root folder on; none for the root itself. */
export function splitPath(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** Whether this is an id, and not a path: digits and nothing else. A folder that is named so is `/123`. */
export function isId(place: string): boolean {
  return /^\d+$/.test(place);
}
