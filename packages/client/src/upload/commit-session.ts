import type { FileObject } from '@partway/protocol/schemas/files';
import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import { ApiError, UnexpectedResponse } from '../errors.ts';
import { sleep } from '../retry.ts';
import { isNameTaken, nameTakenError } from './conflict.ts';
import { findCommitted } from './find-committed.ts';
import { deleteSession, type OpenSession } from './open-session.ts';
import { digestOf } from './part-sender.ts';
import { isSessionGone, RestartUpload, restartIfGone } from './session-errors.ts';
import { isNewFile, type UploadTask } from './upload.ts';

/** Makes the file of its parts. Repeated where its answer was lost: the same session and digest give the same file. */
export async function commitSession(
  upload: UploadTask,
  { session, state }: OpenSession,
  parts: readonly UploadPart[],
  sha1: string,
): Promise<FileObject> {
  try {
    return await untilAnswered(upload, session, parts, sha1);
  } catch (error) {
    // Box forgets a session that is committed, and then the name is taken: perhaps by this very upload.
    if (isSessionGone(error) || isNameTaken(error) || error instanceof UnexpectedResponse) {
      const file = await findCommitted(upload.client, committedTo(upload, state.session), sha1, upload.queryOptions);
      if (file !== undefined) {
        // Made by somebody else, or by a commit whose answer was another one: the parts here are of no more use.
        await deleteSession(upload, state);
        return file;
      }
    }
    throw explained(upload, error);
  }
}

async function untilAnswered(
  upload: UploadTask,
  session: UploadSession,
  parts: readonly UploadPart[],
  sha1: string,
): Promise<FileObject> {
  const { client, options, signal, budget: patience } = upload;
  const { attributes } = upload;
  const body = { parts: [...parts], ...(Object.keys(attributes).length > 0 && { attributes }) };
  for (;;) {
    const committed = await patience.retry({ what: 'commit' }, () =>
      client.chunkedUploads.createFileUploadSessionCommitByUrl(
        session.session_endpoints.commit,
        body,
        { digest: digestOf(sha1), ...(options.ifMatch !== undefined && { ifMatch: options.ifMatch }) },
        { signal, retries: 0 },
      ),
    );
    if (committed.files !== undefined) return singleFile(committed.files.entries);
    // 202: the server is still reading what it has. It says so as long as it gets on.
    await sleep(committed.retryAfterMillis, signal);
  }
}

export function committedTo({ target }: UploadTask, session: { name: string; fileId?: string }) {
  if (session.fileId !== undefined) return { fileId: session.fileId };
  return isNewFile(target) ? { folderId: target.folderId, name: session.name } : { fileId: target.fileId };
}

function explained(upload: UploadTask, error: unknown): unknown {
  if (isSessionGone(error)) return restartIfGone(error);
  if (isNameTaken(error)) return nameTakenError(upload, error);
  if (error instanceof ApiError && /^(bad_digest|digest_mismatch|parts_mismatch)$/.test(error.code)) {
    const message = `What the server has is not ${upload.source.identity.name} as it was read: it begins anew.`;
    return new RestartUpload('source-changed', message, { cause: error });
  }
  return error;
}

export function singleFile(entries: readonly FileObject[]): FileObject {
  const [file] = entries;
  if (file === undefined) throw new Error('The server says that it took the file, and does not say which it is.');
  return file;
}
