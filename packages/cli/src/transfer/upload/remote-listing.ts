import type { NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { stripNumbers } from './serialize-by-name.ts';

/** An item on the server, with what is needed to compare it with a local file. */
export interface RemoteItem {
  type: 'file' | 'folder';
  id: string;
  name: string;
  /** Bytes; only for a file. */
  size: number;
  /** Hex; only for a file. */
  sha1: string;
}

const PAGE_SIZE = 1000;
/** Limits of a listing: this many pages, plus one for each `NAMES_PER_PAGE` names. Other names are queried one by one. */
const MAX_PAGES = 20;
const NAMES_PER_PAGE = 50;

/** The items of a folder on the server, by case-insensitive name. */
export interface Listing {
  find(name: string): Promise<RemoteItem | undefined>;
  /** Adds an item that this run has uploaded. */
  add(item: RemoteItem): void;
}

/** Creates the listing of a new folder. */
export function emptyListing(): Listing {
  return createListing(new Map(), undefined);
}

/** Creates a listing of known items. `rest` finds all others; undefined if there are none. */
function createListing(found: Map<string, RemoteItem>, rest: Listing | undefined): Listing {
  return {
    find: async (name) => found.get(nameKey(name)) ?? rest?.find(name),
    add: (item) => void found.set(nameKey(item.name), item),
  };
}

interface FolderRef {
  client: NodeClient;
  folderId: string;
  signal: AbortSignal;
}

/**
 * Reads a folder page by page, and keeps items that have one of `names` or, with `renames`, a numbered form of one. Memory
 * and requests depend on the local names, not on the size of the folder: of a folder with a million items, only the first
 * pages are read, and the remaining names are queried one by one.
 */
export async function readListing(
  { client, folderId, signal }: FolderRef,
  names: readonly string[],
  { renames }: { renames: boolean },
): Promise<Listing> {
  const keyOf = (name: string) => nameKey(renames ? stripNumbers(name) : name);
  const wanted = new Set(names.map(keyOf));
  const found = new Map<string, RemoteItem>();
  let marker: string | undefined;
  let pages = 0;
  do {
    const page = await client.folders.getFolderItems(folderId, {
      queryParams: {
        fields: ['name', 'size', 'sha1'],
        usemarker: true,
        limit: PAGE_SIZE,
        ...(marker !== undefined && { marker }),
      },
      signal,
    });
    for (const entry of page.entries) {
      if (!wanted.has(keyOf(entry.name))) continue;
      found.set(nameKey(entry.name), {
        type: entry.type,
        id: entry.id,
        name: entry.name,
        size: entry.size ?? -1,
        sha1: 'sha1' in entry ? entry.sha1 : '',
      });
    }
    marker = page.next_marker || undefined;
    pages += 1;
  } while (marker !== undefined && pages < MAX_PAGES + names.length / NAMES_PER_PAGE);
  return createListing(found, marker === undefined ? undefined : queryListing({ client, folderId, signal }));
}

/** Queries each name by itself, for a few names in a folder of any size. */
export function queryListing({ client, folderId, signal }: FolderRef): Listing {
  return {
    async find(name) {
      const item = await client.folders.findItemByName(folderId, name, { signal });
      if (item === undefined) return undefined;
      if (item.type === 'folder') return { ...item, size: -1, sha1: '' };
      const queryParams = { fields: ['name', 'size', 'sha1'] as const };
      const { size, sha1 } = await client.files.getFileById(item.id, { queryParams, signal });
      return { ...item, size, sha1 };
    },
    add() {},
  };
}
