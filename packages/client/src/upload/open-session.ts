import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import { DATE_ROUNDING_MILLIS, mayHaveSucceeded } from '../retry.ts';
import type { SourceIdentity, UploadState } from '../state.ts';
import { resolveConflicts } from './conflict.ts';
import { listStoredParts } from './list-parts.ts';
import { isSessionGone, SESSION_GONE } from './session-errors.ts';
import { isNewFile, type Target, type UploadTask } from './upload.ts';
import { deleteState, loadState, saveState } from './upload-state.ts';

/** Timeout for deleting a session, which is best effort. */
const DELETION_MILLIS = 10_000;

/** An open session with its stored parts. */
export interface OpenSession {
  session: UploadSession;
  stored: ReadonlyMap<number, UploadPart>;
  state: UploadState;
}

/** Opens the session that an earlier run saved for this upload, if it can be resumed, or a new one. */
export async function openSession(upload: UploadTask): Promise<OpenSession> {
  const saved = await loadState(upload);
  return (saved && (await resume(upload, saved))) ?? create(upload);
}

async function resume(upload: UploadTask, state: UploadState): Promise<OpenSession | undefined> {
  const { client, source, signal, budget, emit, meter } = upload;
  const change = describeChange(state.source, source.identity);
  if (change !== undefined) {
    await discard(upload, state);
    const message = `The ${change} of ${source.identity.name} has changed since its upload began: starting from scratch.`;
    emit({ type: 'restarted', reason: 'source-changed', message });
    return undefined;
  }
  const { status, list_parts: list } = state.session.endpoints;
  try {
    const { session, stored } = await budget.retry({ what: 'session' }, async () => ({
      session: await client.chunkedUploads.getFileUploadSessionByUrl(status, { signal, retries: 0 }),
      stored: await listStoredParts(client, list, signal),
    }));
    meter.setPartSize(session.part_size);
    const bytesStored = [...stored.values()].reduce((sum, part) => sum + part.size, 0);
    const message = `Resuming with ${stored.size} of ${session.total_parts} parts stored.`;
    emit({ type: 'resumed', sessionId: session.id, bytesStored, partsStored: stored.size, message });
    return { session, stored, state };
  } catch (error) {
    if (!isSessionGone(error)) throw error;
    // The session may be gone because it was committed; the caller checks that by `state.sha1`.
    if (state.sha1 !== undefined) throw error;
    await deleteState(upload);
    emit({ type: 'restarted', reason: 'session-gone', message: SESSION_GONE });
    return undefined;
  }
}

async function create(upload: UploadTask): Promise<OpenSession> {
  const { meter, emit } = upload;
  const { session, target } = await resolveConflicts(upload, async (target) => ({
    session: await createSession(upload, target),
    target,
  }));
  const state = createState(upload, session, target);
  await saveState(upload, state);
  meter.setPartSize(session.part_size);
  const { id: sessionId, part_size: partSize, total_parts: totalParts, session_expires_at: expiresAt } = session;
  const message = `Sending ${totalParts} parts of ${partSize} bytes.`;
  emit({ type: 'session-created', sessionId, partSize, totalParts, expiresAt, message });
  return { session, stored: new Map(), state };
}

/** Creates a session. If a response was lost, deletes the session it was about, which would reserve its space for days. */
async function createSession(upload: UploadTask, target: Target): Promise<UploadSession> {
  const startedAt = performance.now();
  let mayExist = false;
  try {
    const session = await upload.budget.retry({ what: 'session' }, async () => {
      try {
        return await requestSession(upload, target);
      } catch (error) {
        mayExist ||= mayHaveSucceeded(error);
        throw error;
      }
    });
    if (mayExist)
      await deleteLostSessions(upload, target, { ownId: session.id, sinceMillis: performance.now() - startedAt });
    return session;
  } catch (error) {
    if (mayExist) await deleteLostSessions(upload, target, { ownId: '', sinceMillis: performance.now() - startedAt });
    throw error;
  }
}

function requestSession({ client, size, signal }: UploadTask, target: Target): Promise<UploadSession> {
  const { chunkedUploads } = client;
  const options = { signal, retries: 0 };
  if (isNewFile(target)) {
    const body = { folder_id: target.folderId, file_name: target.name, file_size: size };
    return chunkedUploads.createFileUploadSession(body, options);
  }
  const body = { file_size: size, ...(target.name !== undefined && { file_name: target.name }) };
  return chunkedUploads.createFileUploadSessionForExistingFile(target.fileId, body, options);
}

/** Deletes the state and the session of an upload that cannot be resumed. Best effort. */
export async function discard(upload: UploadTask, { session }: Pick<UploadState, 'session'>): Promise<void> {
  await deleteState(upload);
  await deleteSession(upload, { session });
}

/** Deletes a session with its stored parts. Best effort. */
export async function deleteSession(
  { client }: Pick<UploadTask, 'client'>,
  { session }: Pick<UploadState, 'session'>,
): Promise<void> {
  // If it fails, the session expires later.
  await client.chunkedUploads
    .deleteFileUploadSessionByUrl(session.endpoints.abort, { retries: 2, signal: AbortSignal.timeout(DELETION_MILLIS) })
    .catch(() => {});
}

function createState(
  { client, key, target, source, options }: UploadTask,
  session: UploadSession,
  finalTarget: Target,
): UploadState {
  return {
    version: 1,
    key,
    server: client.addresses.api,
    target: isNewFile(target) ? target : { fileId: target.fileId },
    source: source.identity,
    session: {
      id: session.id,
      partSize: session.part_size,
      totalParts: session.total_parts,
      expiresAt: session.session_expires_at,
      endpoints: session.session_endpoints,
      name: finalTarget.name ?? options.name ?? source.name ?? '',
      ...(!isNewFile(finalTarget) && { fileId: finalTarget.fileId }),
    },
    startedAt: new Date().toISOString(),
  };
}

function describeChange(before: SourceIdentity, now: SourceIdentity): string | undefined {
  if (before.size !== now.size) return 'size';
  return before.modifiedAt === now.modifiedAt ? undefined : 'modification time';
}

/** Timeout for deleting lost sessions, which is best effort. */
const CLEANUP_MILLIS = 10_000;

/**
 * Deletes the sessions of this upload whose responses were lost: for the same file, without parts, and created since the
 * first attempt. Only Partway servers can list sessions; on other servers, they expire.
 */
async function deleteLostSessions(
  { client, size }: UploadTask,
  target: Target,
  { ownId, sinceMillis }: { ownId: string; sinceMillis: number },
): Promise<void> {
  const options = { retries: 1, signal: AbortSignal.timeout(CLEANUP_MILLIS) };
  try {
    const { entries } = await client.chunkedUploads.getFileUploadSessions({ ...options, queryParams: { limit: 1000 } });
    const created = entries.map(({ created_at: at }) => Date.parse(at));
    // By the server's clock: the newest session belongs to the last attempt.
    const since = Math.max(...created) - sinceMillis - DATE_ROUNDING_MILLIS;
    for (const [index, entry] of entries.entries()) {
      const isSame =
        entry.file_size === size &&
        (isNewFile(target)
          ? entry.folder_id === target.folderId && entry.file_name === target.name
          : entry.file_id === target.fileId);
      if (!isSame || entry.id === ownId || entry.num_parts_processed > 0 || (created[index] ?? 0) < since) continue;
      await client.chunkedUploads.deleteFileUploadSessionById(entry.id, options);
    }
  } catch {
    // Remaining sessions expire.
  }
}
