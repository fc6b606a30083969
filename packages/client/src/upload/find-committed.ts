import type { FileObject } from '@partway/protocol/schemas/files';
import type { CallOptions } from '../call.ts';
import type { UploadClient } from './upload.ts';

/** Where a commit may have put a file. */
type CommittedTo = { fileId: string } | { folderId: string; name: string };

/**
 * The file that a commit made whose answer was lost, where the server does not repeat its answer (Box forgets a session
 * once it is committed): the file at that place, if its bytes are these.
 */
export async function findCommitted(
  client: UploadClient,
  place: CommittedTo,
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
  const there = await client.folders.findItemByName(folderId, name, options);
  return there?.type === 'file' ? there.id : undefined;
}
