import type { FileWithAllFields } from '@partway/protocol/schemas/files';
import type { CreateFolder, FolderObject, FolderWithAllFields } from '@partway/protocol/schemas/folders';
import type { ItemList } from '@partway/protocol/schemas/item-list';
import type { CopyItem, ItemUpdate } from '@partway/protocol/schemas/items';
import type { Call, Caller, CallOptions, Outcome } from '../call.ts';
import { ApiError } from '../errors.ts';
import { findByName, type NamedItem } from '../find-by-name.ts';
import { itemPageShape, itemShape, matchesShape } from '../response-shape.ts';
import { deleteIdempotently, isGone } from './delete.ts';
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
        deleteIdempotently(() => isGone(caller, at(folderId), options)),
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

/** By how much the server's dates may be off, which are whole seconds, in milliseconds. */
const ROUNDING = 2_000;

interface Lost {
  query: { fields?: readonly string[] | undefined } | undefined;
  options: CallOptions;
  outcome: Outcome;
  /** How long ago the first try began, in milliseconds. */
  since: number;
}

/**
 * The folder that a call made whose answer was lost: the one of exactly this name, if it was created since that call by the
 * server's own clock. An older one is somebody else's, and the name is taken.
 */
async function madeFolder<T>(
  caller: Caller,
  api: string,
  { name, parent }: { name: string; parent: { id: string | number } },
  { query, options, outcome, since }: Lost,
): Promise<T | undefined> {
  if (outcome instanceof ApiError && outcome.code !== 'item_name_in_use') return undefined;
  const begun = performance.now();
  const { headers, signal, retries, patience } = options;
  const asking = { headers, signal, retries, patience };
  const there = await findByName(caller, api, String(parent.id), name, asking);
  if (there?.type !== 'folder' || there.name !== name) return undefined;
  const asked = query?.fields;
  const fields = asked === undefined ? undefined : [...asked, 'created_at'];
  const call: Call = { ...asking, method: 'GET', url: `${api}/folders/${there.id}`, query: { ...query, fields } };
  const { folder, now } = await caller.read(call, async (answer) => ({
    folder: JSON.parse(await answer.text()) as T & { created_at?: string },
    now: Date.parse(answer.header('date') ?? '') || Date.now(),
  }));
  if (!matchesShape(folder, itemShape('folder', fields))) return undefined;
  // The lookup itself may have taken long, or several tries.
  const elapsed = since + performance.now() - begun;
  return now - Date.parse(folder.created_at ?? '') <= elapsed + ROUNDING ? folder : undefined;
}
