import { join, resolve } from 'node:path';
import type { CallOptions, NodeClient } from '@partway/client/node/index';
import { trimSlashes } from '@partway/protocol/text';
import { EXIT, Failure } from '../../exit-codes.ts';
import type { Item } from '../../remote/find-item.ts';
import { expandPath, type NamedItem } from '../../remote/globs.ts';
import { assertNotInItself, type ListedItem, listItems } from '../../remote/list-items.ts';
import { isId } from '../../remote/paths.ts';
import type { Filter } from '../filter/filter.ts';
import { NameConflictError } from '../name-conflict-error.ts';
import type { RemoteVersion } from './fetch-bytes.ts';
import { ensureLocalFolder, ensureNamedFolder } from './local-folder.ts';
import type { LocalPaths } from './local-paths.ts';
import { localName, localTarget } from './local-target.ts';

/** A file on the server to download. */
export interface RemoteFile {
  /** For people: the path on the server. */
  label: string;
  /** For programs: the path or ID as the user wrote it, with the path below it. Default: the label. */
  path?: string;
  remote: RemoteVersion;
  /** Bytes. */
  size: number;
  /** The local path. */
  target: string;
  /** Must be called when the file is downloaded or has failed. */
  release(): void;
}

/** An item that the walk found: a file, something to skip, or something that failed. */
type FoundItem =
  | { kind: 'file'; file: RemoteFile }
  | { kind: 'skipped'; label: string; why: string }
  | { kind: 'error'; label: string; error: unknown };

export interface DownloadWalk {
  client: NodeClient;
  /** The local folder or, for a single file, its local path. */
  to: string | undefined;
  version: string | undefined;
  recursive: boolean;
  /** Selects files in folders. It does not apply to the paths that the user wrote. */
  filter: Filter;
  signal: AbortSignal;
  localPaths: LocalPaths;
}

/**
 * Yields the files at these paths, in order, and creates local folders on the way, including empty ones. Folders are listed
 * page by page. If one item fails, the others are still processed.
 */
export async function* walkRemoteFiles(walk: DownloadWalk, paths: readonly string[]): AsyncGenerator<FoundItem> {
  for (const path of paths) {
    try {
      const items = await expandPath(walk.client, path, { signal: walk.signal });
      for (const item of items) yield* walkItem(walk, item, paths.length > 1 || items.length > 1);
    } catch (error) {
      yield toFoundItem(path, error);
    }
  }
}

async function* walkItem(walk: DownloadWalk, item: NamedItem, isMultiple: boolean): AsyncGenerator<FoundItem> {
  const { client, to, version, recursive } = walk;
  const { path: remotePath } = item;
  const options = { signal: walk.signal };
  if (item.type === 'file') {
    const remote = await getRemoteVersion(client, item.id, version, options);
    if (recursive && to !== undefined) await ensureNamedFolder(resolve(to));
    const target = await localTarget(to, remote.name);
    const release = await walk.localPaths.claim(target, { label: remotePath, id: item.id, kind: 'file' });
    const label = isId(remotePath) ? remote.name : remotePath;
    yield { kind: 'file', file: { label, path: remotePath, remote, size: remote.size, target, release } };
    return;
  }
  if (!recursive) {
    throw new Failure(EXIT.usage, 'This is a folder. Use --recursive to download it.');
  }
  // The user chose `to`, so its links are followed. Names below it come from the server and are not trusted.
  const folder = resolve(to ?? '.');
  await ensureNamedFolder(folder);
  const localPath = item.id === '0' ? folder : join(folder, localName(item.name));
  if (item.id !== '0') {
    const release = await walk.localPaths.claim(localPath, { label: remotePath, id: item.id, kind: 'folder' });
    await ensureLocalFolder(localPath).finally(release);
  }
  const label = trimSlashes(remotePath);
  const create = async () => {};
  const ancestors: string[] = [];
  yield* walkFolder(walk, item, { label, prefix: '', localPath, create, ancestors, isMultiple });
}

interface FolderLevel {
  label: string;
  /** The path from the top folder on, with a slash at the end, for the filter. */
  prefix: string;
  localPath: string;
  /** Creates the local folder if it does not exist. */
  create: () => Promise<void>;
  /** IDs of the folders above it. */
  ancestors: readonly string[];
  /** Whether other items of the run may be downloaded into it later. */
  isMultiple: boolean;
}

async function* walkFolder(walk: DownloadWalk, { id }: Item, level: FolderLevel): AsyncGenerator<FoundItem> {
  const { label, prefix, localPath, create, ancestors, isMultiple } = level;
  // If files are selected, folders without such files are not created.
  if (walk.filter.isEmpty) await create();
  assertNotInItself(id, ancestors);
  const inner = { ...level, ancestors: [...ancestors, id] };
  for await (const item of listItems(walk.client, id, { signal: walk.signal })) {
    if (walk.signal.aborted) return;
    if (!isSelected(item, prefix, walk.filter)) continue;
    const innerLabel = `${label}/${item.name}`;
    try {
      const path = join(localPath, localName(item.name));
      if (item.type === 'folder') yield* walkFolder(walk, item, enterFolder(walk, inner, item, path));
      else if (item.type === 'file') {
        await create();
        const release = await walk.localPaths.claim(path, { label: innerLabel, id: item.id, kind: 'file' });
        const remote = toRemoteVersion(item);
        yield { kind: 'file', file: { label: innerLabel, remote, size: item.size, target: path, release } };
      } else yield { kind: 'skipped', label: innerLabel, why: 'not a file or folder' };
    } catch (error) {
      yield toFoundItem(innerLabel, error);
    }
  }
  if (!isMultiple) walk.localPaths.release(localPath);
}

function isSelected(item: Item, prefix: string, filter: Filter): boolean {
  const path = prefix + item.name;
  return item.type === 'folder' ? filter.mayEnter(path) : filter.selects(path);
}

function enterFolder(walk: DownloadWalk, parent: FolderLevel, { id, name }: Item, localPath: string): FolderLevel {
  const label = `${parent.label}/${name}`;
  let created: Promise<void> | undefined;
  const createOnce = async () => {
    await parent.create();
    const release = await walk.localPaths.claim(localPath, { label, id, kind: 'folder' });
    await ensureLocalFolder(localPath).finally(release);
  };
  return {
    label,
    prefix: `${parent.prefix}${name}/`,
    localPath,
    create: () => {
      created ??= createOnce();
      return created;
    },
    ancestors: parent.ancestors,
    isMultiple: parent.isMultiple,
  };
}

function toFoundItem(label: string, error: unknown): FoundItem {
  if (error instanceof NameConflictError && error.isSame) return { kind: 'skipped', label, why: 'named twice' };
  return { kind: 'error', label, error };
}

export function toRemoteVersion({ id, versionId, size, sha1, contentModifiedAt }: ListedItem): RemoteVersion {
  if (versionId === undefined || sha1 === undefined)
    throw new Error('The server did not return the version of this file.');
  return { fileId: id, versionId, size, sha1, modifiedAt: contentModifiedAt };
}

/** Returns the current version of a file, or an earlier one. */
export async function getRemoteVersion(
  client: NodeClient,
  id: string,
  version: string | undefined,
  options: CallOptions,
): Promise<RemoteVersion & { name: string }> {
  const file = await client.files.getFileById(id, options);
  if (version === undefined || version === file.file_version.id) {
    const { size, sha1, name, file_version: current, content_modified_at: modifiedAt } = file;
    return { fileId: id, versionId: current.id, size, sha1, name, modifiedAt };
  }
  const { size, sha1, name } = await client.fileVersions.getFileVersionById(id, version, options);
  return { fileId: id, versionId: version, size, sha1, name, modifiedAt: null };
}
