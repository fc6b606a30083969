import type { FileObject } from '@partway/protocol/schemas/files';
import type { UploadState } from '../state.ts';
import { commitSession, commitTarget } from './commit-session.ts';
import { findCommitted } from './find-committed.ts';
import { type OpenSession, openSession } from './open-session.ts';
import { sendParts } from './send-parts.ts';
import { isSessionGone, RestartUpload, restartIfGone } from './session-errors.ts';
import type { UploadTask } from './upload.ts';
import { deleteState, loadState, saveState } from './upload-state.ts';

const MAX_PARALLEL = 8;
const DEFAULT_MEMORY = 128 * 1024 * 1024;

interface UploadedInParts {
  file: FileObject;
  sha1: string;
  sessionId: string;
  bytesResumed: number;
}

/** Uploads a source through a session, and resumes an earlier one. @throws RestartUpload if it has to start from scratch. */
export async function uploadInParts(
  upload: UploadTask,
  onSession: (session: UploadState['session']) => void,
): Promise<UploadedInParts> {
  const { source, options, meter } = upload;
  const opened = await openSessionOrFindFile(upload);
  if ('file' in opened) return opened;
  const { session, stored, state } = opened;
  onSession(state.session);

  const maxRequests = Math.min(Math.max(1, Math.floor(options.parallel ?? MAX_PARALLEL)), MAX_PARALLEL);
  const plan = { partSize: session.part_size, memory: options.memory ?? DEFAULT_MEMORY, parts: maxRequests + 1 };
  await using reader = await source.open(plan);
  const parts = await sendParts(upload, opened, reader, maxRequests);
  const sha1 = await reader.sha1();
  if (!(await source.isUnchanged())) {
    throw new RestartUpload(
      'source-changed',
      `${source.identity.name} changed during the upload: starting from scratch.`,
    );
  }

  meter.setPhase('committing');
  await saveState(upload, { ...state, sha1 });
  const file = await commitSession(upload, opened, parts, sha1);
  await deleteState(upload);
  const bytesResumed = [...stored.values()].reduce((sum, part) => sum + part.size, 0);
  return { file, sha1, sessionId: session.id, bytesResumed };
}

/** Opens the session. Returns the file instead if an earlier run has committed it and only the response was lost. */
async function openSessionOrFindFile(upload: UploadTask): Promise<OpenSession | UploadedInParts> {
  try {
    return await openSession(upload);
  } catch (error) {
    const state = isSessionGone(error) ? await loadState(upload) : undefined;
    if (state?.sha1 === undefined) throw error;
    const file = await findCommitted(
      upload.client,
      commitTarget(upload, state.session),
      state.sha1,
      upload.queryOptions,
    );
    await deleteState(upload);
    if (file !== undefined) {
      return { file, sha1: state.sha1, sessionId: state.session.id, bytesResumed: upload.size };
    }
    throw restartIfGone(error);
  }
}
