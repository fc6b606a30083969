import type { FileWithAllFields } from '@partway/protocol/schemas/files';
import type { CreateFolder, FolderObject, FolderWithAllFields } from '@partway/protocol/schemas/folders';
import type { ItemList } from '@partway/protocol/schemas/item-list';
import type { CopyItem, ItemUpdate } from '@partway/protocol/schemas/items';
import type { Call, Caller, CallOptions, ResponseError } from '../call.ts';
import { ApiError } from '../errors.ts';
import { findByName, type NamedItem } from '../find-by-name.ts';
import { itemPageShape, itemShape, matchesShape } from '../response-shape.ts';
import { DATE_ROUNDING_MILLIS } from '../retry.ts';
import { deleteIdempotently, isDeleted } from './delete.ts';
import type { Endpoint, FieldsQuery, PageQuery, QueryOptions, WithFields } from './endpoint.ts';

type FolderOptions<Field> = QueryOptions<FieldsQuery<Field> & PageQuery>;
type Folder<Field extends keyof FolderWithAllFields> = Promise<WithFields<FolderObject, FolderWithAllFields, Field>>;

export type ItemField = keyof FileWithAllFields | keyof FolderWithAllFields;
type Picked<All, Field> = Pick<All, keyof All & (Field | 'type' | 'id' | 'etag')>;
/** A file or a folder with those of the requested fields that its `type` has. */
export type ItemWith<Field extends ItemField> = Picked<FileWithAllFields, Field> | Picked<FolderWithAllFields, Field>;

/** A page of items with the requested fields. */
export type ItemPage<Field extends ItemField> = [Field] extends [never]
  ? ItemList
  : Omit<ItemList, 'entries'> & { entries: ItemWith<Field>[] };

export type Folders = ReturnType<typeof folders>;

/** /folders. The ID of the root folder is "0". */
export function folders({ caller, api }: Endpoint) {
  const folderUrl = (folderId: string) => `${api}/folders/${encodeURIComponent(folderId)}`;

  return {
    /** Includes the first page of the folder's items, unless `fields` is set without `item_collection`. */
    getFolderById<Field extends keyof FolderWithAllFields = never>(
      folderId: string,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json(
        { ...options, method: 'GET', url: folderUrl(folderId), query },
        { shape: itemShape('folder', query?.fields) },
      );
    },

    /** A page of items. `limit` is at most 1000; default 100. */
    getFolderItems<Field extends ItemField = never>(
      folderId: string,
      { queryParams: query, ...options }: QueryOptions<FieldsQuery<Field> & PageQuery> = {},
    ): Promise<ItemPage<Field>> {
      return caller.json(
        { ...options, method: 'GET', url: `${folderUrl(folderId)}/items`, query },
        { shape: itemPageShape(query?.fields) },
      );
    },

    /** @throws ApiError 409 `item_name_in_use` if the name is taken; `contextInfo.conflicts` is then an array. */
    createFolder<Field extends keyof FolderWithAllFields = never>(
      requestBody: CreateFolder,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json<Awaited<Folder<Field>>>(
        { ...options, method: 'POST', url: `${api}/folders`, query, json: requestBody, repeatable: true },
        {
          shape: itemShape('folder', query?.fields),
          recover: (error, sinceMillis) =>
            findCreatedFolder<Awaited<Folder<Field>>>(caller, api, requestBody, { query, options, error, sinceMillis }),
        },
      );
    },

    /** Finds an item in a folder by its case-insensitive name. */
    findItemByName(folderId: string, name: string, options: CallOptions = {}): Promise<NamedItem | undefined> {
      return findByName(caller, api, folderId, name, options);
    },

    updateFolderById<Field extends keyof FolderWithAllFields = never>(
      folderId: string,
      requestBody: ItemUpdate,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json(
        { ...options, method: 'PUT', url: folderUrl(folderId), query, json: requestBody },
        { shape: itemShape('folder', query?.fields) },
      );
    },

    /** Moves a folder to the trash. @throws ApiError 400 `folder_not_empty` unless it is empty or `recursive` is set. */
    async deleteFolderById(
      folderId: string,
      { queryParams: query, ...options }: QueryOptions<{ recursive?: boolean }> = {},
    ): Promise<void> {
      await caller.json(
        { ...options, method: 'DELETE', url: folderUrl(folderId), query },
        deleteIdempotently(() => isDeleted(caller, folderUrl(folderId), options)),
      );
    },

    copyFolder<Field extends keyof FolderWithAllFields = never>(
      folderId: string,
      requestBody: CopyItem,
      { queryParams: query, ...options }: FolderOptions<Field> = {},
    ): Folder<Field> {
      return caller.json(
        { ...options, method: 'POST', url: `${folderUrl(folderId)}/copy`, query, json: requestBody },
        { shape: itemShape('folder', query?.fields) },
      );
    },
  };
}

interface LostCreation {
  query: { fields?: readonly string[] | undefined } | undefined;
  options: CallOptions;
  error: ResponseError;
  /** Time since the first attempt. */
  sinceMillis: number;
}

/**
 * Finds the folder that a call created whose response was lost: the one with exactly this name, if the server's clock says
 * that it was created since that call. An older folder means that the name is taken.
 */
async function findCreatedFolder<T>(
  caller: Caller,
  api: string,
  { name, parent }: { name: string; parent: { id: string | number } },
  { query, options, error, sinceMillis }: LostCreation,
): Promise<T | undefined> {
  if (error instanceof ApiError && error.code !== 'item_name_in_use') return undefined;
  const startedAt = performance.now();
  const { headers, signal, retries, patience } = options;
  const lookup = { headers, signal, retries, patience };
  const existing = await findByName(caller, api, String(parent.id), name, lookup);
  if (existing?.type !== 'folder' || existing.name !== name) return undefined;
  const requested = query?.fields;
  const fields = requested === undefined ? undefined : [...requested, 'created_at'];
  const call: Call = { ...lookup, method: 'GET', url: `${api}/folders/${existing.id}`, query: { ...query, fields } };
  const { folder, now } = await caller.read(call, async (response) => ({
    folder: JSON.parse(await response.text()) as T & { created_at?: string },
    now: Date.parse(response.header('date') ?? '') || Date.now(),
  }));
  if (!matchesShape(folder, itemShape('folder', fields))) return undefined;
  // The lookup itself may have taken long, with several attempts.
  const elapsedMillis = sinceMillis + performance.now() - startedAt;
  return now - Date.parse(folder.created_at ?? '') <= elapsedMillis + DATE_ROUNDING_MILLIS ? folder : undefined;
}
