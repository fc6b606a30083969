import type { FileObject } from '@partway/protocol/schemas/files';
import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import { ApiError, UnexpectedAnswer } from '../errors.ts';
import { sleep } from '../retry.ts';
import { isNameTaken, takenMeanwhile } from './conflict.ts';
import { findCommitted } from './find-committed.ts';
import { deleteSession, type OpenSession } from './open-session.ts';
import { digestOf } from './part-sender.ts';
import { anewIfGone, BeginAnew, isSessionGone } from './session-errors.ts';
import { isNewFile, type Upload } from './upload.ts';

/** Makes the file of its parts. Repeated where its answer was lost: the same session and digest give the same file. */
export async function commitSession(
  upload: Upload,
  { session, state }: OpenSession,
  parts: readonly UploadPart[],
  sha1: string,
): Promise<FileObject> {
  try {
    return await untilAnswered(upload, session, parts, sha1);
  } catch (error) {
    // Box forgets a session that is committed, and then the name is taken: perhaps by this very upload.
    if (isSessionGone(error) || isNameTaken(error) || error instanceof UnexpectedAnswer) {
      const file = await findCommitted(upload.client, placeOf(upload, state.session), sha1, upload.asking);
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
  upload: Upload,
  session: UploadSession,
  parts: readonly UploadPart[],
  sha1: string,
): Promise<FileObject> {
  const { client, options, signal, patience } = upload;
  const { attributes } = upload;
  const body = { parts: [...parts], ...(Object.keys(attributes).length > 0 && { attributes }) };
  for (;;) {
    const committed = await patience.persist({ what: 'commit' }, () =>
      client.chunkedUploads.createFileUploadSessionCommitByUrl(
        session.session_endpoints.commit,
        body,
        { digest: digestOf(sha1), ...(options.ifMatch !== undefined && { ifMatch: options.ifMatch }) },
        { signal, retries: 0 },
      ),
    );
    if (committed.files !== undefined) return onlyFile(committed.files.entries);
    // 202: the server is still reading what it has. It says so as long as it gets on.
    await sleep(committed.retryAfterMillis, signal);
  }
}

export function placeOf({ target }: Upload, session: { name: string; fileId?: string }) {
  if (session.fileId !== undefined) return { fileId: session.fileId };
  return isNewFile(target) ? { folderId: target.folderId, name: session.name } : { fileId: target.fileId };
}

function explained(upload: Upload, error: unknown): unknown {
  if (isSessionGone(error)) return anewIfGone(error);
  if (isNameTaken(error)) return takenMeanwhile(upload, error);
  if (error instanceof ApiError && /^(bad_digest|digest_mismatch|parts_mismatch)$/.test(error.code)) {
    const message = `What the server has is not ${upload.source.identity.name} as it was read: it begins anew.`;
    return new BeginAnew('source-changed', message, { cause: error });
  }
  return error;
}

export function onlyFile(entries: readonly FileObject[]): FileObject {
  const [file] = entries;
  if (file === undefined) throw new Error('The server says that it took the file, and does not say which it is.');
  return file;
}
