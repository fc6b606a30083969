import type { PromoteVersion } from '@partway/protocol/schemas/files';
import type { FileVersionList, FileVersionObject } from '@partway/protocol/schemas/versions';
import type { CallOptions } from '../call.ts';
import { FILE_VERSION } from '../response-shape.ts';
import { deleteIdempotently } from './delete.ts';
import type { Endpoint, QueryOptions } from './endpoint.ts';

const VERSION = { id: 'string' } as const;

export type FileVersions = ReturnType<typeof fileVersions>;

/** /files/:file_id/versions: the past versions of a file. */
export function fileVersions({ caller, api }: Endpoint) {
  const at = (fileId: string) => `${api}/files/${encodeURIComponent(fileId)}/versions`;
  const version = (fileId: string, versionId: string) => `${at(fileId)}/${encodeURIComponent(versionId)}`;

  return {
    getFileVersions(
      fileId: string,
      { queryParams: query, ...options }: QueryOptions<{ offset?: number; limit?: number }> = {},
    ): Promise<FileVersionList> {
      return caller.json(
        { ...options, method: 'GET', url: at(fileId), query },
        { shape: { entries: [{ id: 'string' }] } },
      );
    },

    getFileVersionById(fileId: string, versionId: string, options: CallOptions = {}): Promise<FileVersionObject> {
      return caller.json({ ...options, method: 'GET', url: version(fileId, versionId) }, { shape: FILE_VERSION });
    },

    /** Makes a past version the newest, by a copy of it. */
    promoteFileVersion(
      fileId: string,
      requestBody: PromoteVersion,
      options: CallOptions = {},
    ): Promise<FileVersionObject> {
      return caller.json(
        { ...options, method: 'POST', url: `${at(fileId)}/current`, json: requestBody },
        { shape: VERSION },
      );
    },

    /** Into the trash. */
    async deleteFileVersionById(fileId: string, versionId: string, options: CallOptions = {}): Promise<void> {
      await caller.json({ ...options, method: 'DELETE', url: version(fileId, versionId) }, deleteIdempotently());
    },

    /** Out of the trash. */
    updateFileVersionById(
      fileId: string,
      versionId: string,
      requestBody: { trashed_at: null },
      options: CallOptions = {},
    ): Promise<FileVersionObject> {
      return caller.json(
        { ...options, method: 'PUT', url: version(fileId, versionId), json: requestBody },
        { shape: VERSION },
      );
    },
  };
}
