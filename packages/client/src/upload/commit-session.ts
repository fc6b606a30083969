import type { FileObject } from '@partway/protocol/schemas/files';
import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import { ApiError, UnexpectedResponse } from '../errors.ts';
import { sleep } from '../retry.ts';
import { isNameTaken, nameTakenError } from './conflict.ts';
import { findCommitted } from './find-committed.ts';
import { deleteSession, type OpenSession } from './open-session.ts';
import { renderDigest } from './part-sender.ts';
import { isSessionGone, RestartUpload, restartIfGone } from './session-errors.ts';
import { isNewFile, type UploadTask } from './upload.ts';

/** Commits a session. A commit whose response was lost is repeated: the same session and digest give the same file. */
export async function commitSession(
  upload: UploadTask,
  { session, state }: OpenSession,
  parts: readonly UploadPart[],
  sha1: string,
): Promise<FileObject> {
  try {
    return await commitUntilDone(upload, session, parts, sha1);
  } catch (error) {
    // Box forgets a committed session. Then the name is taken, possibly by this upload.
    if (isSessionGone(error) || isNameTaken(error) || error instanceof UnexpectedResponse) {
      const file = await findCommitted(upload.client, commitTarget(upload, state.session), sha1, upload.queryOptions);
      if (file !== undefined) {
        // Another client created it, or a commit whose response came from a proxy. The stored parts are no longer needed.
        await deleteSession(upload, state);
        return file;
      }
    }
    throw toCommitError(upload, error);
  }
}

async function commitUntilDone(
  upload: UploadTask,
  session: UploadSession,
  parts: readonly UploadPart[],
  sha1: string,
): Promise<FileObject> {
  const { client, options, signal, budget } = upload;
  const { attributes } = upload;
  const body = { parts: [...parts], ...(Object.keys(attributes).length > 0 && { attributes }) };
  for (;;) {
    const committed = await budget.retry({ what: 'commit' }, () =>
      client.chunkedUploads.createFileUploadSessionCommitByUrl(
        session.session_endpoints.commit,
        body,
        { digest: renderDigest(sha1), ...(options.ifMatch !== undefined && { ifMatch: options.ifMatch }) },
        { signal, retries: 0 },
      ),
    );
    if (committed.files !== undefined) return getSingleFile(committed.files.entries);
    // 202: the server is still hashing. It returns 202 only as long as it makes progress.
    await sleep(committed.retryAfterMillis, signal);
  }
}

export function commitTarget({ target }: UploadTask, session: { name: string; fileId?: string }) {
  if (session.fileId !== undefined) return { fileId: session.fileId };
  return isNewFile(target) ? { folderId: target.folderId, name: session.name } : { fileId: target.fileId };
}

function toCommitError(upload: UploadTask, error: unknown): unknown {
  if (isSessionGone(error)) return restartIfGone(error);
  if (isNameTaken(error)) return nameTakenError(upload, error);
  if (error instanceof ApiError && /^(bad_digest|digest_mismatch|parts_mismatch)$/.test(error.code)) {
    const message = `The stored parts do not match ${upload.source.identity.name}: starting from scratch.`;
    return new RestartUpload('source-changed', message, { cause: error });
  }
  return error;
}

export function getSingleFile(entries: readonly FileObject[]): FileObject {
  const [file] = entries;
  if (file === undefined) throw new Error('The server accepted the upload but did not return the file.');
  return file;
}
