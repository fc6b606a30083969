import type { FileObject } from '@partway/protocol/schemas/files';
import type { UploadState } from '../state.ts';
import { commitSession, committedTo } from './commit-session.ts';
import { findCommitted } from './find-committed.ts';
import { type OpenSession, openSession } from './open-session.ts';
import { sendParts } from './send-parts.ts';
import { isSessionGone, RestartUpload, restartIfGone } from './session-errors.ts';
import type { UploadTask } from './upload.ts';
import { forgetState, recallState, rememberState } from './upload-state.ts';

const MOST_PARALLEL = 8;
const MEMORY = 128 * 1024 * 1024;

interface UploadedInParts {
  file: FileObject;
  sha1: string;
  sessionId: string;
  bytesResumed: number;
}

/** One run through a session, from where an earlier one left it. Throws `RestartUpload` where that leads nowhere. */
export async function uploadInParts(
  upload: UploadTask,
  onSession: (session: UploadState['session']) => void,
): Promise<UploadedInParts> {
  const { source, options, meter } = upload;
  const opened = await openOrFind(upload);
  if ('file' in opened) return opened;
  const { session, stored, state } = opened;
  onSession(state.session);

  const most = Math.min(Math.max(1, Math.floor(options.parallel ?? MOST_PARALLEL)), MOST_PARALLEL);
  const plan = { partSize: session.part_size, memory: options.memory ?? MEMORY, parts: most + 1 };
  await using reader = await source.open(plan);
  const parts = await sendParts(upload, opened, reader, most);
  const sha1 = await reader.sha1();
  if (!(await source.isUnchanged())) {
    throw new RestartUpload('source-changed', `${source.identity.name} changed while it was uploaded: it begins anew.`);
  }

  meter.enter('committing');
  await rememberState(upload, { ...state, sha1 });
  const file = await commitSession(upload, opened, parts, sha1);
  await forgetState(upload);
  const bytesResumed = [...stored.values()].reduce((sum, part) => sum + part.size, 0);
  return { file, sha1, sessionId: session.id, bytesResumed };
}

/** The session; or the file, where an earlier run's commit has made it and only its answer was lost. */
async function openOrFind(upload: UploadTask): Promise<OpenSession | UploadedInParts> {
  try {
    return await openSession(upload);
  } catch (error) {
    const state = isSessionGone(error) ? await recallState(upload) : undefined;
    if (state?.sha1 === undefined) throw error;
    const file = await findCommitted(
      upload.client,
      committedTo(upload, state.session),
      state.sha1,
      upload.queryOptions,
    );
    await forgetState(upload);
    if (file !== undefined) {
      return { file, sha1: state.sha1, sessionId: state.session.id, bytesResumed: upload.size };
    }
    throw restartIfGone(error);
  }
}
