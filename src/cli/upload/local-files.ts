import type { Dirent } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { NodeSource } from '../../client/node/index.ts';
import { EXIT, Failure } from '../exit-codes.ts';
import { sha1OfFile } from '../sha1-of-file.ts';

/** Something on this machine that is to be uploaded: a file, or what comes on standard input. */
export interface LocalFile {
  /** What it is called where people see it. */
  path: string;
  /** Bytes. */
  size: number;
  /** Names of the folders below the target that it goes into, from the outermost on. */
  folders: string[];
  /** Its name here. */
  name: string;
  source: NodeSource;
  /** Whether its bytes come once only, and so cannot be read to be compared before they are uploaded. */
  readOnce: boolean;
  /** Reads all of it; undefined where its bytes came once only, and are gone. In hex. */
  sha1(): Promise<string | undefined>;
}

/**
 * What is met on the way: a file, a folder that is to be there in the end, even where it is empty, something that is passed
 * over, or something that cannot be read.
 */
export type Found =
  | { kind: 'file'; file: LocalFile }
  | { kind: 'folder'; path: string; folders: string[] }
  | { kind: 'passed-over'; path: string; why: string }
  | { kind: 'trouble'; path: string; error: unknown };

/**
 * The files that these paths name, in the order of the paths, and below a folder by name. A folder needs `recursive`. A
 * link that is named is followed; one that is met below a folder is not. Trouble with one path keeps none of the others
 * from their turn.
 */
export async function* localFiles(
  paths: readonly string[],
  { recursive }: { recursive: boolean },
): AsyncGenerator<Found> {
  for (const path of paths) {
    try {
      yield* named(path, recursive);
    } catch (error) {
      yield { kind: 'trouble', path, error };
    }
  }
}

async function* named(path: string, recursive: boolean): AsyncGenerator<Found> {
  if (path === '') throw new Failure(EXIT.usage, 'An empty path names nothing.');
  const found = await stat(path);
  const name = basename(resolve(path));
  if (found.isFile()) yield { kind: 'file', file: onDisk(path, found.size, [], name) };
  else if (!found.isDirectory()) throw new Failure(EXIT.usage, 'It is neither a file nor a folder.');
  else if (recursive) yield* below(path, name === '' ? [] : [name]);
  else throw new Failure(EXIT.usage, 'It is a folder: with --recursive it goes with all that is in it.');
}

async function* below(folder: string, folders: string[]): AsyncGenerator<Found> {
  yield { kind: 'folder', path: folder, folders };
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    try {
      if (entry.isDirectory()) yield* below(path, [...folders, entry.name]);
      else if (entry.isFile()) {
        yield { kind: 'file', file: onDisk(path, (await lstat(path)).size, folders, entry.name) };
      } else yield { kind: 'passed-over', path, why: entry.isSymbolicLink() ? 'it is a link' : 'it is not a file' };
    } catch (error) {
      yield { kind: 'trouble', path, error };
    }
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function onDisk(path: string, size: number, folders: string[], name: string): LocalFile {
  return { path, size, folders, name, source: path, readOnce: false, sha1: () => sha1OfFile(path) };
}
