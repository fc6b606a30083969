import type { CallOptions, NodeClient } from '@partway/client/node/index';
import type { Item } from './find-item.ts';

const PAGE = 1000;

/** An item of a folder, with what a list of it shows. */
export interface ListedItem extends Item {
  /** Bytes; of a folder all that is below it. */
  size: number;
  /** RFC 3339 */
  modifiedAt: string;
  /** Hex; of a file only. */
  sha1: string | undefined;
  /** The id of the newest version; of a file only. */
  versionId: string | undefined;
  /** RFC 3339; of the content, as its owner has it. */
  contentModifiedAt: string | null;
}

/** Everything in a folder, page by page: folders first, each by its name. */
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
        limit: PAGE,
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
