import type { NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { bareName } from './serialize-by-name.ts';

/** What is in a folder on the server, as far as it takes to tell whether a file here is the same. */
export interface RemoteItem {
  type: 'file' | 'folder';
  id: string;
  name: string;
  /** Bytes; of a file. */
  size: number;
  /** Hex; of a file. */
  sha1: string;
}

const PAGE = 1000;
/** So many pages of a folder are read, and one more for so many names that are looked for; others are then asked for one by one. */
const MOST_PAGES = 20;
const NAMES_A_PAGE = 50;

/** What the server has under names that are looked for. */
export interface Listing {
  find(name: string): Promise<RemoteItem | undefined>;
  /** What this run has put there. */
  add(item: RemoteItem): void;
}

/** Of a folder that was made just now. */
export function emptyListing(): Listing {
  return listingOf(new Map(), undefined);
}

/** What was found, and `others` where that is not all there is. */
function listingOf(found: Map<string, RemoteItem>, others: Listing | undefined): Listing {
  return {
    find: async (name) => found.get(nameKey(name)) ?? others?.find(name),
    add: (item) => void found.set(nameKey(item.name), item),
  };
}

interface Listed {
  client: NodeClient;
  folderId: string;
  signal: AbortSignal;
}

/**
 * Reads a folder page by page and keeps what has one of `names`, or with `renames` one that is numbered after them. So
 * memory and requests follow what is here, not what is there: of a folder with a million items only the first pages are
 * read, and then each name is asked for.
 */
export async function listFor(
  { client, folderId, signal }: Listed,
  names: readonly string[],
  { renames }: { renames: boolean },
): Promise<Listing> {
  const keyOf = (name: string) => nameKey(renames ? bareName(name) : name);
  const wanted = new Set(names.map(keyOf));
  const found = new Map<string, RemoteItem>();
  let marker: string | undefined;
  let pages = 0;
  do {
    const page = await client.folders.getFolderItems(folderId, {
      queryParams: {
        fields: ['name', 'size', 'sha1'],
        usemarker: true,
        limit: PAGE,
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
  } while (marker !== undefined && pages < MOST_PAGES + names.length / NAMES_A_PAGE);
  return listingOf(found, marker === undefined ? undefined : askEach({ client, folderId, signal }));
}

/** Asks for each name by itself: for a few names in a folder of any size. */
export function askEach({ client, folderId, signal }: Listed): Listing {
  return {
    async find(name) {
      const there = await client.folders.findItemByName(folderId, name, { signal });
      if (there === undefined) return undefined;
      if (there.type === 'folder') return { ...there, size: -1, sha1: '' };
      const queryParams = { fields: ['name', 'size', 'sha1'] as const };
      const { size, sha1 } = await client.files.getFileById(there.id, { queryParams, signal });
      return { ...there, size, sha1 };
    },
    add() {},
  };
}
