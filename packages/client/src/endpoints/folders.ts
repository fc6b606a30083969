import type { FileWithAllFields } from '@partway/protocol/schemas/files';
import type { CreateFolder, FolderObject, FolderWithAllFields } from '@partway/protocol/schemas/folders';
import type { ItemList } from '@partway/protocol/schemas/item-list';
import type { CopyItem, ItemUpdate } from '@partway/protocol/schemas/items';
import type { CallOptions } from '../call.ts';
import { findByName, type NamedItem } from '../find-by-name.ts';
import { itemPageShape, itemShape } from '../response-shape.ts';
import { deleted, isGone } from './delete.ts';
import type { Answered, Endpoint, FieldsQuery, PageQuery, QueryOptions } from './endpoint.ts';
import { madeFolder } from './made-folder.ts';

type FolderOptions<Field> = QueryOptions<FieldsQuery<Field> & PageQuery>;
type Folder<Field extends keyof FolderWithAllFields> = Promise<Answered<FolderObject, FolderWithAllFields, Field>>;

type ItemField = keyof FileWithAllFields | keyof FolderWithAllFields;
type Picked<All, Field> = Pick<All, keyof All & (Field | 'type' | 'id' | 'etag')>;
/** A file or a folder with the fields asked for, each as far as it has them. `type` tells which it is. */
export type ItemWith<Field extends ItemField> = Picked<FileWithAllFields, Field> | Picked<FolderWithAllFields, Field>;

/** A page of items with the fields asked for. */
export type ItemPage<Field extends ItemField> = [Field] extends [never]
  ? ItemList
  : Omit<ItemList, 'entries'> & { entries: ItemWith<Field>[] };

export type Folders = ReturnType<typeof folders>;

/** /folders. The root folder's id is "0". */
export function folders({ caller, api }: Endpoint) {
  const at = (folderId: string) => `${api}/folders/${encodeURIComponent(folderId)}`;

  return {
    /** With the first page of what it holds, unless `fields` leaves `item_collection` out. */
    getFolderById<Field extends keyof FolderWithAllFields = never>(
      folderId: string,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json(
        { ...options, method: 'GET', url: at(folderId), query },
        { shape: itemShape('folder', query?.fields) },
      );
    },

    /** A page of what it holds: 100 items, or `limit` up to 1000. */
    getFolderItems<Field extends ItemField = never>(
      folderId: string,
      { queryParams: query, ...options }: QueryOptions<FieldsQuery<Field> & PageQuery> = {},
    ): Promise<ItemPage<Field>> {
      return caller.json(
        { ...options, method: 'GET', url: `${at(folderId)}/items`, query },
        { shape: itemPageShape(query?.fields) },
      );
    },

    /** 409 `item_name_in_use` where the name is taken; `contextInfo.conflicts` is then an array. */
    createFolder<Field extends keyof FolderWithAllFields = never>(
      requestBody: CreateFolder,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json<Awaited<Folder<Field>>>(
        { ...options, method: 'POST', url: `${api}/folders`, query, json: requestBody, repeatable: true },
        {
          shape: itemShape('folder', query?.fields),
          settle: (outcome, since) =>
            madeFolder<Awaited<Folder<Field>>>(caller, api, requestBody, { query, options, outcome, since }),
        },
      );
    },

    /** What has this name in a folder, whatever its case; undefined where nothing has. */
    findItemByName(folderId: string, name: string, options: CallOptions = {}): Promise<NamedItem | undefined> {
      return findByName(caller, api, folderId, name, options);
    },

    updateFolderById<Field extends keyof FolderWithAllFields = never>(
      folderId: string,
      requestBody: ItemUpdate,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json(
        { ...options, method: 'PUT', url: at(folderId), query, json: requestBody },
        { shape: itemShape('folder', query?.fields) },
      );
    },

    /** Into the trash; 400 `folder_not_empty` where it holds something and `recursive` is not set. */
    async deleteFolderById(
      folderId: string,
      { queryParams: query, ...options }: QueryOptions<{ recursive?: boolean }> = {},
    ): Promise<void> {
      await caller.json(
        { ...options, method: 'DELETE', url: at(folderId), query },
        deleted(() => isGone(caller, at(folderId), options)),
      );
    },

    copyFolder<Field extends keyof FolderWithAllFields = never>(
      folderId: string,
      requestBody: CopyItem,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json(
        { ...options, method: 'POST', url: `${at(folderId)}/copy`, query, json: requestBody },
        { shape: itemShape('folder', query?.fields) },
      );
    },
  };
}
