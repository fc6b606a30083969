import type { FileObject } from '@partway/protocol/schemas/files';
import { UnexpectedResponse } from '../errors.ts';
import { mayHaveSucceeded } from '../retry.ts';
import { singleFile } from './commit-session.ts';
import { resolvingConflicts } from './conflict.ts';
import { findCommitted } from './find-committed.ts';
import { isNewFile, type Target, type UploadTask } from './upload.ts';

/** Uploads a file in one piece, with its SHA-1, so that a lost answer can be told from a lost request. */
export async function uploadWhole(upload: UploadTask, bytes: Uint8Array | Blob, sha1: string): Promise<FileObject> {
  const { budget: patience, meter } = upload;
  meter.enter('sending');
  return resolvingConflicts(upload, async (target) => {
    let mayBeThere = false;
    return patience.retry({ what: 'part', offset: 0 }, async () => {
      // Asked before the bytes go out once more: an earlier try may have arrived.
      const arrived = mayBeThere ? await findArrived(upload, target, sha1) : undefined;
      if (arrived !== undefined) return arrived;
      try {
        return await send(upload, target, bytes, sha1);
      } catch (error) {
        meter.sentWhole(0);
        mayBeThere ||= mayHaveSucceeded(error);
        const file = error instanceof UnexpectedResponse ? await findArrived(upload, target, sha1) : undefined;
        if (file !== undefined) return file;
        throw error;
      }
    });
  });
}

async function send(upload: UploadTask, target: Target, file: Uint8Array | Blob, sha1: string): Promise<FileObject> {
  const { client, options, signal, meter } = upload;
  const sending = { sha1, signal, retries: 0, onSent: (bytes: number) => meter.sentWhole(bytes) };
  const { attributes: traits } = upload;
  if (isNewFile(target)) {
    const attributes = { name: target.name, parent: { id: target.folderId }, ...traits };
    return singleFile((await client.uploads.uploadFile({ attributes, file }, sending)).entries);
  }
  const attributes = { ...(target.name !== undefined && { name: target.name }), ...traits };
  const headers = options.ifMatch === undefined ? undefined : { 'if-match': options.ifMatch };
  const answer = await client.uploads.uploadFileVersion(target.fileId, { attributes, file }, { ...sending, headers });
  return singleFile(answer.entries);
}

/** The file at the target, if its bytes are these. */
function findArrived(
  { client, queryOptions: asking }: UploadTask,
  target: Target,
  sha1: string,
): Promise<FileObject | undefined> {
  return findCommitted(client, isNewFile(target) ? target : { fileId: target.fileId }, sha1, asking);
}
