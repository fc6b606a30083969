import type { FileObject } from '@partway/protocol/schemas/files';
import type { FolderObject } from '@partway/protocol/schemas/folders';
import type { RestoreItem } from '@partway/protocol/schemas/items';
import type { CallOptions } from '../call.ts';
import { itemPageShape } from '../response-shape.ts';
import { deleteIdempotently, isDeleted } from './delete.ts';
import type { Endpoint, FieldsQuery, PageQuery, QueryOptions } from './endpoint.ts';
import type { ItemField, ItemPage } from './folders.ts';

export type TrashedFiles = ReturnType<typeof trashedFiles>;
export type TrashedFolders = ReturnType<typeof trashedFolders>;
export type TrashedItems = ReturnType<typeof trashedItems>;

/** Files in the trash. */
export function trashedFiles(endpoint: Endpoint) {
  const { get, restore, deletePermanently } = createTrashCalls<FileObject>(endpoint, 'files');
  return { getTrashedFileById: get, restoreFileFromTrash: restore, deleteTrashedFileById: deletePermanently };
}

/** Folders in the trash, with the items that were deleted with them. */
export function trashedFolders(endpoint: Endpoint) {
  const { get, restore, deletePermanently } = createTrashCalls<FolderObject>(endpoint, 'folders');
  return { getTrashedFolderById: get, restoreFolderFromTrash: restore, deleteTrashedFolderById: deletePermanently };
}

/** The list of items in the trash. */
export function trashedItems({ caller, api }: Endpoint) {
  return {
    /** A page of the items in the trash. `limit` is at most 1000; default 100. */
    getTrashedItems<Field extends ItemField = never>({
      queryParams: query,
      ...options
    }: QueryOptions<FieldsQuery<Field> & PageQuery> = {}): Promise<ItemPage<Field>> {
      return caller.json(
        { ...options, method: 'GET', url: `${api}/folders/trash/items`, query },
        { shape: itemPageShape(query?.fields) },
      );
    },
  };
}

function createTrashCalls<Item>({ caller, api }: Endpoint, kind: 'files' | 'folders') {
  const itemUrl = (id: string) => `${api}/${kind}/${encodeURIComponent(id)}`;
  const shape = { type: kind === 'files' ? '=file' : '=folder', id: 'id', name: 'string' } as const;
  return {
    /** @throws ApiError 404 if it is not in the trash. */
    get(id: string, options: CallOptions = {}): Promise<Item> {
      return caller.json({ ...options, method: 'GET', url: `${itemUrl(id)}/trash` }, { shape });
    },
    /** Restores an item to its former name and parent, or to those in `requestBody`. */
    restore(id: string, requestBody: RestoreItem = {}, options: CallOptions = {}): Promise<Item> {
      return caller.json({ ...options, method: 'POST', url: itemUrl(id), json: requestBody }, { shape });
    },
    async deletePermanently(id: string, options: CallOptions = {}): Promise<void> {
      await caller.json(
        { ...options, method: 'DELETE', url: `${itemUrl(id)}/trash` },
        deleteIdempotently(() => isDeleted(caller, `${itemUrl(id)}/trash`, options)),
      );
    },
  };
}
