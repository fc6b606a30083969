import { lstat, opendir, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { EXIT, Failure } from '../exit-codes.ts';
import { shownText } from '../term/shown-text.ts';

/** A file on this machine that is to be uploaded. */
export interface LocalFile {
  path: string;
  size: number;
  /** Names of the folders below the target that it goes into, from the outermost on. */
  folders: string[];
  /** Its name here. */
  name: string;
}

/** A folder that is to be there in the end, even where it is empty; or something that cannot be uploaded. */
export type Found =
  | { kind: 'file'; file: LocalFile }
  | { kind: 'folder'; folders: string[] }
  | { kind: 'passed-over'; path: string; why: string };

/**
 * The files that these paths name, in the order of the paths, and below a folder by name. A folder needs `recursive`. A
 * link that is named is followed; one that is met below a folder is not.
 */
export async function* localFiles(
  paths: readonly string[],
  { recursive }: { recursive: boolean },
): AsyncGenerator<Found> {
  for (const path of paths) {
    const found = await stat(path);
    const name = basename(resolve(path));
    if (found.isFile()) yield { kind: 'file', file: { path, size: found.size, folders: [], name } };
    else if (!found.isDirectory()) throw new Failure(EXIT.usage, `${shownText(path)} is neither a file nor a folder.`);
    else if (recursive) yield* below(resolve(path), path, name === '' ? [] : [name]);
    else
      throw new Failure(EXIT.usage, `${shownText(path)} is a folder: with --recursive it goes with all that is in it.`);
  }
}

async function* below(root: string, shown: string, folders: string[], folder = root): AsyncGenerator<Found> {
  yield { kind: 'folder', folders };
  const entries = [];
  for await (const entry of await opendir(folder)) entries.push(entry);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const full = join(folder, entry.name);
    const path = join(shown, relative(root, full));
    if (entry.isDirectory()) yield* below(root, shown, [...folders, entry.name], full);
    else if (entry.isFile())
      yield { kind: 'file', file: { path, size: (await lstat(full)).size, folders, name: entry.name } };
    else yield { kind: 'passed-over', path, why: entry.isSymbolicLink() ? 'it is a link' : 'it is not a file' };
  }
}
