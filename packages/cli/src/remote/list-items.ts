import type { CallOptions, NodeClient } from '@partway/client/node/index';
import type { Item } from './find-item.ts';

const PAGE_SIZE = 1000;

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

/** Lists the items of a folder, page by page: folders first, ordered by name. */
export async function* listItems(
  client: NodeClient,
  folderId: string,
  options: CallOptions = {},
): AsyncGenerator<ListedItem> {
  let marker: string | undefined;
  do {
    const page = await client.folders.getFolderItems(folderId, {
      ...options,
      queryParams: {
        fields: ['name', 'size', 'modified_at', 'content_modified_at', 'sha1', 'file_version'],
        usemarker: true,
        limit: PAGE_SIZE,
        ...(marker !== undefined && { marker }),
      },
    });
    for (const entry of page.entries) {
      yield {
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
    marker = page.next_marker ?? undefined;
  } while (marker !== undefined);
}
