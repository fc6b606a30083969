import type { FileWithAllFields } from '../../api/schemas/file-object.ts';
import type { FolderObject, FolderWithAllFields } from '../../api/schemas/folder-object.ts';
import type { CreateFolder } from '../../api/schemas/folders.ts';
import type { ItemList } from '../../api/schemas/item-list.ts';
import type { CopyItem, ItemUpdate } from '../../api/schemas/items.ts';
import type { Answered, Endpoint, FieldsQuery, PageQuery, QueryOptions } from './endpoint.ts';

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
      return caller.json({ ...options, method: 'GET', url: at(folderId), query });
    },

    /** A page of what it holds: 100 items, or `limit` up to 1000. */
    getFolderItems<Field extends ItemField = never>(
      folderId: string,
      { queryParams: query, ...options }: QueryOptions<FieldsQuery<Field> & PageQuery> = {},
    ): Promise<ItemPage<Field>> {
      return caller.json({ ...options, method: 'GET', url: `${at(folderId)}/items`, query });
    },

    /** 409 `item_name_in_use` where the name is taken; `contextInfo.conflicts` is then an array. */
    createFolder<Field extends keyof FolderWithAllFields = never>(
      requestBody: CreateFolder,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json({ ...options, method: 'POST', url: `${api}/folders`, query, json: requestBody });
    },

    updateFolderById<Field extends keyof FolderWithAllFields = never>(
      folderId: string,
      requestBody: ItemUpdate,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json({ ...options, method: 'PUT', url: at(folderId), query, json: requestBody });
    },

    /** Into the trash; 400 `folder_not_empty` where it holds something and `recursive` is not set. */
    async deleteFolderById(
      folderId: string,
      { queryParams: query, ...options }: QueryOptions<{ recursive?: boolean }> = {},
    ): Promise<void> {
      await caller.json({ ...options, method: 'DELETE', url: at(folderId), query });
    },

    copyFolder<Field extends keyof FolderWithAllFields = never>(
      folderId: string,
      requestBody: CopyItem,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json({ ...options, method: 'POST', url: `${at(folderId)}/copy`, query, json: requestBody });
    },
  };
}
