import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { NodeSource } from '@partway/client/node/index';
import { findUndecodableArgument } from '../../arguments.ts';
import { EXIT, Failure } from '../../exit-codes.ts';
import type { Filter } from '../filter/filter.ts';
import { NameConflictError } from '../name-conflict-error.ts';
import { type ScannedEntry, toError } from './disk-messages.ts';
import type { DiskThreads } from './disk-threads.ts';
import type { Source, UploadFolder } from './upload-folder.ts';

/** A local file, or standard input, to upload. */
export interface LocalFile {
  /** The path, for people. */
  path: string;
  /** Bytes. */
  size: number;
  /** The folder on the server. */
  folder: UploadFolder;
  /** Its local name. */
  name: string;
  source: NodeSource;
  /** Whether its bytes can be read only once, and therefore not compared before they are uploaded. */
  readOnce: boolean;
  /** Reads the file and resolves with its SHA-1 in hex; undefined if it could be read only once and has been read. */
  sha1(): Promise<string | undefined>;
  /** A folder that has to be created first, because it would have the same name. */
  after?: UploadFolder | undefined;
}

/**
 * An item that the walk found: a file; a folder, which is created even if it is empty; something to skip; or something that
 * failed.
 */
type Found =
  | { kind: 'file'; file: LocalFile }
  | { kind: 'folder'; path: string; folder: UploadFolder }
  | { kind: 'skipped'; path: string; why: string }
  | { kind: 'error'; path: string; error: unknown };

export interface WalkOptions {
  recursive: boolean;
  /** Whether files with the same name get different names on the server. Otherwise, the second one of a run fails. */
  renames: boolean;
  disk: DiskThreads;
  /** Selects files in folders. It does not apply to `paths`. */
  filter: Filter;
  /** Whether the items of a folder go into the target itself, instead of into a folder with the same name. */
  contentsOnly?: boolean;
  /** The name of a single file on the server. */
  name?: string | undefined;
}

/**
 * Yields the files at these paths, in order, and files in folders ordered by name. Folders require `recursive`. Links are
 * followed only if they are in `paths`. If an item fails, the others are still processed. An item also fails if its name
 * conflicts with another item of the run, or if the server refuses the name.
 */
export async function* walkLocalFiles(
  paths: readonly string[],
  target: UploadFolder,
  options: WalkOptions,
): AsyncGenerator<Found> {
  target.names = paths.map((path) => options.name ?? basename(resolve(path)));
  for (const name of findDuplicates(target.names)) target.share(name);
  for (const path of paths) {
    try {
      yield* walkPath(path, target, options);
    } catch (error) {
      yield toFound(path, error);
    }
  }
}

async function* walkPath(path: string, target: UploadFolder, options: WalkOptions): AsyncGenerator<Found> {
  if (path === '') throw new Failure(EXIT.usage, 'The path is empty.');
  const found = await stat(path).catch((error: unknown) => {
    const escaped = findUndecodableArgument(path);
    throw escaped === undefined ? error : undecodableError(escaped);
  });
  const name = options.name ?? basename(resolve(path));
  const source = { path, identity: await realpath(path) };
  if (found.isFile()) {
    const after = target.claim(name, 'file', source, options);
    yield { kind: 'file', file: createLocalFile(path, found.size, target, name, options, after) };
  } else if (!found.isDirectory()) throw new Failure(EXIT.usage, 'This is neither a file nor a folder.');
  else if (!options.recursive) {
    throw new Failure(EXIT.usage, 'This is a folder. Use --recursive to upload it.');
  } else if (options.contentsOnly || dirname(resolve(path)) === resolve(path)) yield* walkFolder(path, target, options);
  else {
    target.claim(name, 'folder', source, options);
    yield* walkFolder(path, target.child(name), options);
  }
}

/** `prefix`: the path from the top folder on, with a slash at the end, for the filter. */
async function* walkFolder(
  path: string,
  folder: UploadFolder,
  options: WalkOptions,
  prefix = '',
): AsyncGenerator<Found> {
  const scanned = await options.disk.scan(path);
  const entries = scanned.filter((entry) => isSelected(entry, prefix, options.filter));
  entries.sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1));
  folder.names = entries.flatMap((entry) => ('name' in entry ? [entry.name] : []));
  yield { kind: 'folder', path, folder };
  // Folders claim their names first: a file can get another name, a folder cannot.
  const conflicts = new Map<ScannedEntry, unknown>();
  for (const entry of entries) {
    if (entry.kind !== 'folder') continue;
    try {
      folder.claim(entry.name, 'folder', createSource(join(path, entry.name)), options);
    } catch (error) {
      conflicts.set(entry, error);
    }
  }
  for (const entry of entries) {
    if (entry.kind === 'undecodable') {
      yield toFound(join(path, entry.escaped), undecodableError(entry.escaped));
      continue;
    }
    const innerPath = join(path, entry.name);
    try {
      if (conflicts.has(entry)) throw conflicts.get(entry);
      if (entry.kind === 'folder') {
        yield* walkFolder(innerPath, folder.child(entry.name), options, `${prefix}${entry.name}/`);
      } else yield walkEntry(entry, innerPath, folder, options);
    } catch (error) {
      yield toFound(innerPath, error);
    }
  }
}

function isSelected(entry: ScannedEntry, prefix: string, filter: Filter): boolean {
  const path = prefix + sortName(entry);
  return entry.kind === 'folder' ? filter.mayEnter(path) : filter.selects(path);
}

function walkEntry(
  entry: Exclude<ScannedEntry, { kind: 'undecodable' | 'folder' }>,
  path: string,
  folder: UploadFolder,
  options: WalkOptions,
): Found {
  if (entry.kind === 'error') throw toError(entry.error);
  const { kind, name } = entry;
  if (kind !== 'file') return { kind: 'skipped', path, why: kind === 'link' ? 'symbolic link' : 'not a regular file' };
  const after = folder.claim(name, 'file', createSource(path), options);
  return { kind: 'file', file: createLocalFile(path, entry.size, folder, name, options, after) };
}

function toFound(path: string, error: unknown): Found {
  if (error instanceof NameConflictError && error.isSame) return { kind: 'skipped', path, why: 'named twice' };
  return { kind: 'error', path, error };
}

function undecodableError(escaped: string): Failure {
  const message = `The name is not valid UTF-8: ${escaped}. Names on the server are Unicode: rename it first (convmv renames whole folders).`;
  return new Failure(EXIT.failed, message);
}

/** Returns the names that occur more than once. */
function findDuplicates(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.size === seen.add(name).size);
}

function createSource(path: string): Source {
  return { path, identity: resolve(path) };
}

function sortName(entry: ScannedEntry): string {
  return 'name' in entry ? entry.name : entry.escaped;
}

function createLocalFile(
  path: string,
  size: number,
  folder: UploadFolder,
  name: string,
  { disk }: WalkOptions,
  after: UploadFolder | undefined,
): LocalFile {
  return { path, size, folder, name, source: path, readOnce: false, sha1: () => disk.sha1(path, size), after };
}
