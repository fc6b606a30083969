import type { CopyFile, FileObject, FileWithAllFields, UpdateFile } from '@partway/protocol/schemas/files';
import type { CallOptions } from '../call.ts';
import { itemShape } from '../response-shape.ts';
import { deleteIdempotently, isGone } from './delete.ts';
import type { Answered, Endpoint, FieldsQuery, QueryOptions } from './endpoint.ts';

type FileOptions<Field> = QueryOptions<FieldsQuery<Field>>;
type File<Field extends keyof FileWithAllFields> = Promise<Answered<FileObject, FileWithAllFields, Field>>;

export type Files = ReturnType<typeof files>;

/** /files/:file_id. `if-match` in the headers makes a change wait for nobody else's. */
export function files({ caller, api }: Endpoint) {
  const at = (fileId: string) => `${api}/files/${encodeURIComponent(fileId)}`;

  return {
    getFileById<Field extends keyof FileWithAllFields = never>(
      fileId: string,
      { queryParams: query, ...options }: FileOptions<Field> = {},
    ): File<Field> {
      return caller.json(
        { ...options, method: 'GET', url: at(fileId), query },
        { shape: itemShape('file', query?.fields) },
      );
    },

    /** A new name, parent, description or lock. */
    updateFileById<Field extends keyof FileWithAllFields = never>(
      fileId: string,
      requestBody: UpdateFile,
      { queryParams: query, ...options }: FileOptions<Field> = {},
    ): File<Field> {
      return caller.json(
        { ...options, method: 'PUT', url: at(fileId), query, json: requestBody },
        { shape: itemShape('file', query?.fields) },
      );
    },

    /** Into the trash. */
    async deleteFileById(fileId: string, options: CallOptions = {}): Promise<void> {
      await caller.json(
        { ...options, method: 'DELETE', url: at(fileId) },
        deleteIdempotently(() => isGone(caller, at(fileId), options)),
      );
    },

    copyFile<Field extends keyof FileWithAllFields = never>(
      fileId: string,
      requestBody: CopyFile,
      { queryParams: query, ...options }: FileOptions<Field> = {},
    ): File<Field> {
      return caller.json(
        { ...options, method: 'POST', url: `${at(fileId)}/copy`, query, json: requestBody },
        { shape: itemShape('file', query?.fields) },
      );
    },
  };
}
