import type { FileObject } from '@partway/protocol/schemas/files';
import type { CallOptions } from '../call.ts';
import type { UploadClient } from './upload.ts';

/** The file that a commit may have created or updated. */
type CommitTarget = { fileId: string } | { folderId: string; name: string };

/**
 * Finds the file of a commit whose response was lost, for servers that do not repeat the response (Box forgets a committed
 * session). Resolves with the file at the target if it has this SHA-1.
 */
export async function findCommitted(
  client: UploadClient,
  place: CommitTarget,
  sha1: string,
  options: CallOptions,
): Promise<FileObject | undefined> {
  const id = 'fileId' in place ? place.fileId : await findFileId(client, place, options);
  if (id === undefined) return undefined;
  const file = await client.files.getFileById(id, options);
  return file.sha1 === sha1 ? file : undefined;
}

async function findFileId(
  client: UploadClient,
  { folderId, name }: { folderId: string; name: string },
  options: CallOptions,
): Promise<string | undefined> {
  const item = await client.folders.findItemByName(folderId, name, options);
  return item?.type === 'file' ? item.id : undefined;
}
