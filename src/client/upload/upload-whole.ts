import type { FileObject } from '../../api/schemas/file-object.ts';
import { ApiError } from '../api-error.ts';
import { TransportError } from '../transport.ts';
import { onlyFile } from './commit-session.ts';
import { conflictOf, isNameTaken, resolvingConflicts } from './conflict.ts';
import { contentAttributes } from './content-attributes.ts';
import { isNewFile, type Target, type Upload } from './upload.ts';

/** Uploads a file in one piece, with its SHA-1, so that a lost answer can be told from a lost request. */
export async function uploadWhole(upload: Upload, bytes: Uint8Array | Blob, sha1: string): Promise<FileObject> {
  const { patience, meter } = upload;
  meter.enter('sending');
  return resolvingConflicts(upload, async (target) => {
    let mayBeThere = false;
    return patience.persist({ what: 'part', offset: 0 }, async () => {
      if (mayBeThere && !isNewFile(target)) {
        const file = await upload.client.files.getFileById(target.fileId, { signal: upload.signal, retries: 0 });
        if (file.sha1 === sha1) return file;
      }
      try {
        return await send(upload, target, bytes, sha1);
      } catch (error) {
        meter.sentWhole(0);
        const file = mayBeThere && isNameTaken(error) ? await ours(upload, error, sha1) : undefined;
        if (file !== undefined) return file;
        mayBeThere ||= error instanceof TransportError || (error instanceof ApiError && error.status >= 500);
        throw error;
      }
    });
  });
}

async function send(upload: Upload, target: Target, file: Uint8Array | Blob, sha1: string): Promise<FileObject> {
  const { client, options, signal, meter } = upload;
  const sending = { sha1, signal, retries: 0, onSent: (bytes: number) => meter.sentWhole(bytes) };
  const traits = contentAttributes(upload);
  if (isNewFile(target)) {
    const attributes = { name: target.name, parent: { id: target.folderId }, ...traits };
    return onlyFile((await client.uploads.uploadFile({ attributes, file }, sending)).entries);
  }
  const attributes = { ...(target.name !== undefined && { name: target.name }), ...traits };
  const headers = options.ifMatch === undefined ? undefined : { 'if-match': options.ifMatch };
  const answer = await client.uploads.uploadFileVersion(target.fileId, { attributes, file }, { ...sending, headers });
  return onlyFile(answer.entries);
}

/** The file in the way, if an earlier try of this upload made it. */
async function ours({ client, signal }: Upload, error: ApiError, sha1: string): Promise<FileObject | undefined> {
  const { type, id } = conflictOf(error);
  if (type !== 'file' || id === undefined) return undefined;
  const file = await client.files.getFileById(id, { signal });
  return file.sha1 === sha1 ? file : undefined;
}
