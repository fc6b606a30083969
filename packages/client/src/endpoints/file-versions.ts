import type { PromoteVersion } from '@partway/protocol/schemas/files';
import type { FileVersionList, FileVersionObject } from '@partway/protocol/schemas/versions';
import type { CallOptions } from '../call.ts';
import { FILE_VERSION } from '../response-shape.ts';
import { deleteIdempotently } from './delete.ts';
import type { Endpoint, QueryOptions } from './endpoint.ts';

const VERSION = { id: 'id' } as const;

export type FileVersions = ReturnType<typeof fileVersions>;

/** /files/:file_id/versions: past versions of a file. */
export function fileVersions({ caller, api }: Endpoint) {
  const versionsUrl = (fileId: string) => `${api}/files/${encodeURIComponent(fileId)}/versions`;
  const versionUrl = (fileId: string, versionId: string) => `${versionsUrl(fileId)}/${encodeURIComponent(versionId)}`;

  return {
    getFileVersions(
      fileId: string,
      { queryParams: query, ...options }: QueryOptions<{ offset?: number; limit?: number }> = {},
    ): Promise<FileVersionList> {
      return caller.json(
        { ...options, method: 'GET', url: versionsUrl(fileId), query },
        { shape: { entries: [{ id: 'id' }] } },
      );
    },

    getFileVersionById(fileId: string, versionId: string, options: CallOptions = {}): Promise<FileVersionObject> {
      return caller.json({ ...options, method: 'GET', url: versionUrl(fileId, versionId) }, { shape: FILE_VERSION });
    },

    /** Makes a copy of a past version the current one. */
    promoteFileVersion(
      fileId: string,
      requestBody: PromoteVersion,
      options: CallOptions = {},
    ): Promise<FileVersionObject> {
      return caller.json(
        { ...options, method: 'POST', url: `${versionsUrl(fileId)}/current`, json: requestBody },
        { shape: VERSION },
      );
    },

    /** Moves a version to the trash. */
    async deleteFileVersionById(fileId: string, versionId: string, options: CallOptions = {}): Promise<void> {
      await caller.json({ ...options, method: 'DELETE', url: versionUrl(fileId, versionId) }, deleteIdempotently());
    },

    /** Restores a version from the trash. */
    updateFileVersionById(
      fileId: string,
      versionId: string,
      requestBody: { trashed_at: null },
      options: CallOptions = {},
    ): Promise<FileVersionObject> {
      return caller.json(
        { ...options, method: 'PUT', url: versionUrl(fileId, versionId), json: requestBody },
        { shape: VERSION },
      );
    },
  };
}
