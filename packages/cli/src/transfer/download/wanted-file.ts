import type { CallOptions, NodeClient } from '@partway/client/node/index';
import type { Wanted } from './download-file.ts';

/** What a server says of a file, or of an earlier version of it. */
export async function wantedFile(
  client: NodeClient,
  id: string,
  version: string | undefined,
  options: CallOptions,
): Promise<Wanted & { name: string }> {
  const file = await client.files.getFileById(id, options);
  if (version === undefined || version === file.file_version.id) {
    const { size, sha1, name, file_version: current, content_modified_at: modifiedAt } = file;
    return { fileId: id, versionId: current.id, size, sha1, name, modifiedAt };
  }
  const { size, sha1, name } = await client.fileVersions.getFileVersionById(id, version, options);
  return { fileId: id, versionId: version, size, sha1, name, modifiedAt: null };
}
