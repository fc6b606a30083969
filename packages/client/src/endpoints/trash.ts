import type { FileObject } from '@partway/protocol/schemas/files';
import type { FolderObject } from '@partway/protocol/schemas/folders';
import type { ItemList } from '@partway/protocol/schemas/item-list';
import type { RestoreItem } from '@partway/protocol/schemas/items';
import type { CallOptions } from '../call.ts';
import { itemPageShape } from '../response-shape.ts';
import { deleteIdempotently, isGone } from './delete.ts';
import type { Endpoint, PageQuery, QueryOptions } from './endpoint.ts';

export type TrashedFiles = ReturnType<typeof trashedFiles>;
export type TrashedFolders = ReturnType<typeof trashedFolders>;
export type TrashedItems = ReturnType<typeof trashedItems>;

/** Files in the trash. */
export function trashedFiles(endpoint: Endpoint) {
  const { get, restore, remove } = trashed<FileObject>(endpoint, 'files');
  return { getTrashedFileById: get, restoreFileFromTrash: restore, deleteTrashedFileById: remove };
}

/** Folders in the trash, with what went there along with them. */
export function trashedFolders(endpoint: Endpoint) {
  const { get, restore, remove } = trashed<FolderObject>(endpoint, 'folders');
  return { getTrashedFolderById: get, restoreFolderFromTrash: restore, deleteTrashedFolderById: remove };
}

/** The trash as a list. */
export function trashedItems({ caller, api }: Endpoint) {
  return {
    getTrashedItems({ queryParams: query, ...options }: QueryOptions<PageQuery> = {}): Promise<ItemList> {
      return caller.json(
        { ...options, method: 'GET', url: `${api}/folders/trash/items`, query },
        { shape: itemPageShape(undefined) },
      );
    },
  };
}

function trashed<Item>({ caller, api }: Endpoint, kind: 'files' | 'folders') {
  const at = (id: string) => `${api}/${kind}/${encodeURIComponent(id)}`;
  const shape = { type: kind === 'files' ? '=file' : '=folder', id: 'string', name: 'string' } as const;
  return {
    /** @throws ApiError 404 where it is not in the trash. */
    get(id: string, options: CallOptions = {}): Promise<Item> {
      return caller.json({ ...options, method: 'GET', url: `${at(id)}/trash` }, { shape });
    },
    /** Back to where it was, or to another name or parent. */
    restore(id: string, requestBody: RestoreItem = {}, options: CallOptions = {}): Promise<Item> {
      return caller.json({ ...options, method: 'POST', url: at(id), json: requestBody }, { shape });
    },
    /** For good. */
    async remove(id: string, options: CallOptions = {}): Promise<void> {
      await caller.json(
        { ...options, method: 'DELETE', url: `${at(id)}/trash` },
        deleteIdempotently(() => isGone(caller, `${at(id)}/trash`, options)),
      );
    },
  };
}
