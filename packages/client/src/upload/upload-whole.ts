import type { FileObject } from '@partway/protocol/schemas/files';
import { UnexpectedResponse } from '../errors.ts';
import { mayHaveSucceeded } from '../retry.ts';
import { getSingleFile } from './commit-session.ts';
import { resolveConflicts } from './conflict.ts';
import { findCommitted } from './find-committed.ts';
import { isNewFile, type Target, type UploadTask } from './upload.ts';

/** Uploads a file in one request. Its SHA-1 tells a lost response from a lost request. */
export async function uploadWhole(upload: UploadTask, bytes: Uint8Array | Blob, sha1: string): Promise<FileObject> {
  const { budget, meter } = upload;
  meter.setPhase('sending');
  return resolveConflicts(upload, async (target) => {
    let mayExist = false;
    return budget.retry({ what: 'part', offset: 0 }, async () => {
      // Check before sending the bytes again: an earlier attempt may have succeeded.
      const uploaded = mayExist ? await findUploaded(upload, target, sha1) : undefined;
      if (uploaded !== undefined) return uploaded;
      try {
        return await send(upload, target, bytes, sha1);
      } catch (error) {
        meter.recordSentWhole(0);
        mayExist ||= mayHaveSucceeded(error);
        const file = error instanceof UnexpectedResponse ? await findUploaded(upload, target, sha1) : undefined;
        if (file !== undefined) return file;
        throw error;
      }
    });
  });
}

async function send(upload: UploadTask, target: Target, file: Uint8Array | Blob, sha1: string): Promise<FileObject> {
  const { client, options, signal, meter } = upload;
  const callOptions = { sha1, signal, retries: 0, onSent: (bytes: number) => meter.recordSentWhole(bytes) };
  const { attributes: common } = upload;
  if (isNewFile(target)) {
    const attributes = { name: target.name, parent: { id: target.folderId }, ...common };
    return getSingleFile((await client.uploads.uploadFile({ attributes, file }, callOptions)).entries);
  }
  const attributes = { ...(target.name !== undefined && { name: target.name }), ...common };
  const headers = options.ifMatch === undefined ? undefined : { 'if-match': options.ifMatch };
  const response = await client.uploads.uploadFileVersion(
    target.fileId,
    { attributes, file },
    { ...callOptions, headers },
  );
  return getSingleFile(response.entries);
}

/** Resolves with the file at the target if it has this SHA-1. */
function findUploaded(
  { client, queryOptions: callOptions }: UploadTask,
  target: Target,
  sha1: string,
): Promise<FileObject | undefined> {
  return findCommitted(client, isNewFile(target) ? target : { fileId: target.fileId }, sha1, callOptions);
}
