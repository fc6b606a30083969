import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { NodeSource } from '@partway/client/node/index';
import { undecodableArgument } from '../../arguments.ts';
import { EXIT, Failure } from '../../exit-codes.ts';
import { type ScannedEntry, toError } from './disk-messages.ts';
import type { DiskThreads } from './disk-threads.ts';
import { NameConflictError, type Source, type UploadFolder } from './upload-folder.ts';

/** Something on this machine that is to be uploaded: a file, or what comes on standard input. */
export interface LocalFile {
  /** What it is called where people see it. */
  path: string;
  /** Bytes. */
  size: number;
  /** The folder on the server that it goes into. */
  folder: UploadFolder;
  /** Its name here. */
  name: string;
  source: NodeSource;
  /** Whether its bytes come once only, and so cannot be read to be compared before they are uploaded. */
  readOnce: boolean;
  /** Reads all of it; undefined where its bytes came once only, and are gone. In hex. */
  sha1(): Promise<string | undefined>;
  /** What has to be on the server before it, because the two would have one name. */
  after?: UploadFolder | undefined;
}

/**
 * What is met on the way: a file, a folder that is to be there in the end, even where it is empty, something that is passed
 * over, or something that cannot be read.
 */
type Found =
  | { kind: 'file'; file: LocalFile }
  | { kind: 'folder'; path: string; folder: UploadFolder }
  | { kind: 'passed-over'; path: string; why: string }
  | { kind: 'trouble'; path: string; error: unknown };

export interface Walk {
  recursive: boolean;
  /** Whether a file whose name is taken gets another one; if not, it is refused beside one of the same run. */
  renames: boolean;
  disk: DiskThreads;
  /** What a single file is called on the server. */
  name?: string | undefined;
}

/**
 * The files that these paths name, in the order of the paths, and below a folder by name. A folder needs `recursive`. A
 * link that is named is followed; one that is met below a folder is not. Trouble with one path keeps none of the others
 * from their turn: neither does one that would have the name of another, or none that the server takes.
 */
export async function* localFiles(paths: readonly string[], target: UploadFolder, walk: Walk): AsyncGenerator<Found> {
  target.names = paths.map((path) => walk.name ?? basename(resolve(path)));
  for (const name of severalTimes(target.names)) target.share(name);
  for (const path of paths) {
    try {
      yield* named(path, target, walk);
    } catch (error) {
      yield troubleWith(path, error);
    }
  }
}

async function* named(path: string, target: UploadFolder, walk: Walk): AsyncGenerator<Found> {
  if (path === '') throw new Failure(EXIT.usage, 'An empty path names nothing.');
  const found = await stat(path).catch((error: unknown) => {
    const escaped = undecodableArgument(path);
    throw escaped === undefined ? error : undecodable(escaped);
  });
  const name = walk.name ?? basename(resolve(path));
  const source = { path, identity: await realpath(path) };
  if (found.isFile()) {
    const after = target.claim(name, 'file', source, walk);
    yield { kind: 'file', file: onDisk(path, found.size, target, name, walk, after) };
  } else if (!found.isDirectory()) throw new Failure(EXIT.usage, 'It is neither a file nor a folder.');
  else if (!walk.recursive) {
    throw new Failure(EXIT.usage, 'It is a folder: with --recursive it goes with all that is in it.');
  } else if (dirname(resolve(path)) === resolve(path)) yield* below(path, target, walk);
  else {
    target.claim(name, 'folder', source, walk);
    yield* below(path, target.child(name), walk);
  }
}

async function* below(path: string, folder: UploadFolder, walk: Walk): AsyncGenerator<Found> {
  const entries = await walk.disk.scan(path);
  entries.sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1));
  folder.names = entries.flatMap((entry) => ('name' in entry ? [entry.name] : []));
  yield { kind: 'folder', path, folder };
  // Before files: a file may take another name, a folder may not.
  const taken = new Map<ScannedEntry, unknown>();
  for (const entry of entries) {
    if (entry.kind !== 'folder') continue;
    try {
      folder.claim(entry.name, 'folder', sourceAt(join(path, entry.name)), walk);
    } catch (error) {
      taken.set(entry, error);
    }
  }
  for (const entry of entries) {
    if (entry.kind === 'undecodable') {
      yield troubleWith(join(path, entry.escaped), undecodable(entry.escaped));
      continue;
    }
    const inner = join(path, entry.name);
    try {
      if (taken.has(entry)) throw taken.get(entry);
      yield* met(entry, inner, folder, walk);
    } catch (error) {
      yield troubleWith(inner, error);
    }
  }
}

async function* met(
  entry: Exclude<ScannedEntry, { kind: 'undecodable' }>,
  path: string,
  folder: UploadFolder,
  walk: Walk,
): AsyncGenerator<Found> {
  const { kind, name } = entry;
  if (kind === 'folder') yield* below(path, folder.child(name), walk);
  else if (kind === 'file') {
    const after = folder.claim(name, 'file', sourceAt(path), walk);
    yield { kind: 'file', file: onDisk(path, entry.size, folder, name, walk, after) };
  } else if (kind === 'error') throw toError(entry.error);
  else yield { kind: 'passed-over', path, why: kind === 'link' ? 'it is a link' : 'it is not a file' };
}

function troubleWith(path: string, error: unknown): Found {
  if (error instanceof NameConflictError && error.isSame)
    return { kind: 'passed-over', path, why: 'it was named before' };
  return { kind: 'trouble', path, error };
}

function undecodable(escaped: string): Failure {
  const message = `Its name is not valid UTF-8: ${escaped}. Names on the server are Unicode: rename it first (convmv does that for whole folders).`;
  return new Failure(EXIT.failed, message);
}

/** Those names that are there more than once. */
function severalTimes(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.size === seen.add(name).size);
}

function sourceAt(path: string): Source {
  return { path, identity: resolve(path) };
}

function sortName(entry: ScannedEntry): string {
  return 'name' in entry ? entry.name : entry.escaped;
}

function onDisk(
  path: string,
  size: number,
  folder: UploadFolder,
  name: string,
  { disk }: Walk,
  after: UploadFolder | undefined,
): LocalFile {
  return { path, size, folder, name, source: path, readOnce: false, sha1: () => disk.sha1(path, size), after };
}
