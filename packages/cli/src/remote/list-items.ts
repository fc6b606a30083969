import type { ItemWith } from '@partway/client/endpoints/folders';
import type { CallOptions, NodeClient } from '@partway/client/node/index';
import { EXIT, Failure } from '../exit-codes.ts';
import type { Item } from './find-item.ts';
import { listPages } from './pages.ts';

/** An item of a folder, with the details of a listing. */
export interface ListedItem extends Item {
  /** Bytes; for a folder, the total of everything in it. */
  size: number;
  /** RFC 3339 */
  modifiedAt: string;
  /** Hex; undefined for a folder. */
  sha1: string | undefined;
  /** The ID of the current version; undefined for a folder. */
  versionId: string | undefined;
  /** RFC 3339; the modification time of the original file. */
  contentModifiedAt: string | null;
}

const FIELDS = ['name', 'size', 'modified_at', 'content_modified_at', 'sha1', 'file_version'] as const;

/** Lists the items of a folder, page by page: folders first, ordered by name. */
export async function* listItems(
  client: NodeClient,
  folderId: string,
  options: CallOptions = {},
): AsyncGenerator<ListedItem> {
  const entries = listPages((page) =>
    client.folders.getFolderItems(folderId, { ...options, queryParams: { fields: FIELDS, usemarker: true, ...page } }),
  );
  for await (const entry of entries) yield toListedItem(entry);
}

/** @throws Failure if a folder is among those around it: walking the tree would never end. */
export function assertNotInItself(folderId: string, ancestors: readonly string[]): void {
  if (ancestors.includes(folderId)) throw new Failure(EXIT.failed, 'The server lists this folder in itself.');
}

/** Returns the same details for a single item. */
export async function getListedItem(
  client: NodeClient,
  { type, id }: Pick<Item, 'type' | 'id'>,
  options: CallOptions = {},
): Promise<ListedItem> {
  if (type === 'file') {
    return toListedItem(await client.files.getFileById(id, { ...options, queryParams: { fields: FIELDS } }));
  }
  const fields = FIELDS.filter((field) => field !== 'sha1' && field !== 'file_version');
  return toListedItem(await client.folders.getFolderById(id, { ...options, queryParams: { fields } }));
}

function toListedItem(entry: ItemWith<(typeof FIELDS)[number]>): ListedItem {
  return {
    type: entry.type,
    id: entry.id,
    name: entry.name,
    size: entry.size ?? 0,
    modifiedAt: entry.modified_at ?? '',
    sha1: 'sha1' in entry ? entry.sha1 : undefined,
    versionId: 'file_version' in entry ? entry.file_version.id : undefined,
    contentModifiedAt: entry.content_modified_at ?? null,
  };
}
