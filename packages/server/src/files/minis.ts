import type { ItemRow, VersionRow } from '../database/schema.ts';

/** What a client's cache needs to know of an item (wire: "Objects", mini). Part of answers and of refusals alike. */
export type Mini = Record<string, unknown>;

export function fileMini(item: MiniItem, version: Pick<VersionRow, 'id' | 'sha1'>): Mini {
  return {
    type: 'file',
    id: String(item.id),
    file_version: { type: 'file_version', id: String(version.id), sha1: version.sha1 },
    sequence_id: String(item.etag),
    etag: String(item.etag),
    sha1: version.sha1,
    name: item.name,
  };
}

/** A root folder, known by having no parent, is "0" to everyone and has no etag. */
export function folderMini(item: MiniItem): Mini {
  const etag = item.parent_id === null ? null : String(item.etag);
  return { type: 'folder', id: folderId(item), sequence_id: etag, etag, name: item.name };
}

/** The id of a folder at the wire. */
export function folderId(item: Pick<ItemRow, 'id' | 'parent_id'>): string {
  return item.parent_id === null ? '0' : String(item.id);
}

type MiniItem = Pick<ItemRow, 'id' | 'parent_id' | 'etag' | 'name'>;
