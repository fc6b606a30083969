import { relative } from 'node:path';
import type { NodeClient } from '@partway/client/node/index';
import { pathKey } from '../../remote/paths.ts';
import { walkRemoteTree } from '../../remote/walk-tree.ts';
import { isPartialName } from '../download/local-target.ts';
import type { Filter } from '../filter/filter.ts';
import type { DiskThreads } from '../upload/disk-threads.ts';
import { type LocalFile, walkLocalFiles } from '../upload/local-files.ts';
import { UploadFolder } from '../upload/upload-folder.ts';
import { emptyTree, markExcluded, markIncomplete, type Tree, type TreeEntry } from './tree.ts';

export interface LocalTreeRead {
  disk: DiskThreads;
  filter: Filter;
  /** Called for everything that cannot be read, or whose name the server would refuse or confuse with another one. */
  onError(path: string, error: unknown): void;
  onSkipped(path: string, why: string): void;
}

/** Reads everything in a local folder. */
export async function readLocalTree(folder: string, read: LocalTreeRead): Promise<Tree> {
  const { disk, onError, onSkipped } = read;
  const tree = emptyTree();
  const filter = withoutPartialFiles(read.filter, tree);
  const options = { recursive: true, renames: false, contentsOnly: true, disk, filter };
  for await (const found of walkLocalFiles([folder], new UploadFolder(), options)) {
    if (found.kind === 'file') addEntry(tree, fileEntry(found.file));
    else if (found.kind === 'folder') addEntry(tree, otherEntry('folder', found.folder.path.join('/')));
    else {
      const path = relative(folder, found.path);
      markIncomplete(tree, path);
      if (found.kind === 'error') onError(path, found.error);
      else {
        addEntry(tree, otherEntry('other', path));
        onSkipped(path, found.why);
      }
    }
  }
  // The top folder itself is not an entry.
  tree.entries.delete('');
  return tree;
}

interface RemoteTreeRead {
  client: NodeClient;
  filter: Filter;
  signal: AbortSignal;
}

/** Reads everything in a folder on the server. */
export async function readRemoteTree(folderId: string, { client, filter, signal }: RemoteTreeRead): Promise<Tree> {
  const tree = emptyTree();
  await walkRemoteTree(
    {
      client,
      filter,
      signal,
      found: (path, item) =>
        addEntry(tree, {
          kind: item.type === 'file' || item.type === 'folder' ? item.type : 'other',
          path,
          size: item.type === 'file' ? item.size : 0,
          sha1: async () => item.sha1,
          remote: item,
        }),
      excluded: (path) => markExcluded(tree, path),
    },
    folderId,
  );
  return tree;
}

function addEntry(tree: Tree, entry: TreeEntry): void {
  tree.entries.set(pathKey(entry.path), entry);
}

function fileEntry(file: LocalFile): TreeEntry {
  const path = [...file.folder.path, file.name].join('/');
  return { kind: 'file', path, size: file.size, sha1: () => file.sha1(), local: file };
}

function otherEntry(kind: 'folder' | 'other', path: string): TreeEntry {
  return { kind, path, size: 0, sha1: async () => undefined };
}

/** Partial downloads are not part of a folder. Records in the tree what is left out. */
function withoutPartialFiles(filter: Filter, tree: Tree): Filter {
  const check = (path: string, isSelected: boolean) => {
    if (!isSelected) markExcluded(tree, path);
    return isSelected;
  };
  const isPartial = (path: string) => {
    if (!isPartialName(path.slice(path.lastIndexOf('/') + 1))) return false;
    markIncomplete(tree, path);
    return true;
  };
  return {
    isEmpty: filter.isEmpty,
    mayEnter: (path) => !isPartial(path) && check(path, filter.mayEnter(path)),
    selects: (path) => !isPartial(path) && check(path, filter.selects(path)),
  };
}
