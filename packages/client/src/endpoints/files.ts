import type { CopyFile, FileObject, FileWithAllFields, UpdateFile } from '@partway/protocol/schemas/files';
import type { CallOptions } from '../call.ts';
import { itemShape } from '../response-shape.ts';
import { deleteIdempotently, isDeleted } from './delete.ts';
import type { Endpoint, FieldsQuery, QueryOptions, WithFields } from './endpoint.ts';

type FileOptions<Field> = QueryOptions<FieldsQuery<Field>>;
type File<Field extends keyof FileWithAllFields> = Promise<WithFields<FileObject, FileWithAllFields, Field>>;

export type Files = ReturnType<typeof files>;

/** /files/:file_id. With `if-match` in the headers, a change fails if the file has been changed since. */
export function files({ caller, api }: Endpoint) {
  const fileUrl = (fileId: string) => `${api}/files/${encodeURIComponent(fileId)}`;

  return {
    getFileById<Field extends keyof FileWithAllFields = never>(
      fileId: string,
      { queryParams: query, ...options }: FileOptions<Field> = {},
    ): File<Field> {
      return caller.json(
        { ...options, method: 'GET', url: fileUrl(fileId), query },
        { shape: itemShape('file', query?.fields) },
      );
    },

    /** Changes name, parent, description, lock and other fields. */
    updateFileById<Field extends keyof FileWithAllFields = never>(
      fileId: string,
      requestBody: UpdateFile,
      { queryParams: query, ...options }: FileOptions<Field> = {},
    ): File<Field> {
      return caller.json(
        { ...options, method: 'PUT', url: fileUrl(fileId), query, json: requestBody },
        { shape: itemShape('file', query?.fields) },
      );
    },

    /** Moves a file to the trash. */
    async deleteFileById(fileId: string, options: CallOptions = {}): Promise<void> {
      await caller.json(
        { ...options, method: 'DELETE', url: fileUrl(fileId) },
        deleteIdempotently(() => isDeleted(caller, fileUrl(fileId), options)),
      );
    },

    copyFile<Field extends keyof FileWithAllFields = never>(
      fileId: string,
      requestBody: CopyFile,
      { queryParams: query, ...options }: FileOptions<Field> = {},
    ): File<Field> {
      return caller.json(
        { ...options, method: 'POST', url: `${fileUrl(fileId)}/copy`, query, json: requestBody },
        { shape: itemShape('file', query?.fields) },
      );
    },
  };
}
