import type { FileObject } from '@partway/protocol/schemas/files';
import { UnexpectedAnswer } from '../errors.ts';
import { mayHaveHappened } from '../retry.ts';
import { onlyFile } from './commit-session.ts';
import { resolvingConflicts } from './conflict.ts';
import { findCommitted } from './find-committed.ts';
import { isNewFile, type Target, type Upload } from './upload.ts';

/** Uploads a file in one piece, with its SHA-1, so that a lost answer can be told from a lost request. */
export async function uploadWhole(upload: Upload, bytes: Uint8Array | Blob, sha1: string): Promise<FileObject> {
  const { patience, meter } = upload;
  meter.enter('sending');
  return resolvingConflicts(upload, async (target) => {
    let mayBeThere = false;
    return patience.persist({ what: 'part', offset: 0 }, async () => {
      // Asked before the bytes go out once more: an earlier try may have arrived.
      const arrived = mayBeThere ? await findArrived(upload, target, sha1) : undefined;
      if (arrived !== undefined) return arrived;
      try {
        return await send(upload, target, bytes, sha1);
      } catch (error) {
        meter.sentWhole(0);
        mayBeThere ||= mayHaveHappened(error);
        const file = error instanceof UnexpectedAnswer ? await findArrived(upload, target, sha1) : undefined;
        if (file !== undefined) return file;
        throw error;
      }
    });
  });
}

async function send(upload: Upload, target: Target, file: Uint8Array | Blob, sha1: string): Promise<FileObject> {
  const { client, options, signal, meter } = upload;
  const sending = { sha1, signal, retries: 0, onSent: (bytes: number) => meter.sentWhole(bytes) };
  const { attributes: traits } = upload;
  if (isNewFile(target)) {
    const attributes = { name: target.name, parent: { id: target.folderId }, ...traits };
    return onlyFile((await client.uploads.uploadFile({ attributes, file }, sending)).entries);
  }
  const attributes = { ...(target.name !== undefined && { name: target.name }), ...traits };
  const headers = options.ifMatch === undefined ? undefined : { 'if-match': options.ifMatch };
  const answer = await client.uploads.uploadFileVersion(target.fileId, { attributes, file }, { ...sending, headers });
  return onlyFile(answer.entries);
}

/** The file at the target, if its bytes are these. */
function findArrived({ client, asking }: Upload, target: Target, sha1: string): Promise<FileObject | undefined> {
  return findCommitted(client, isNewFile(target) ? target : { fileId: target.fileId }, sha1, asking);
}
