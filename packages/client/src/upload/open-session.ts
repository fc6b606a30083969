import type { UploadPart, UploadSession } from '@partway/protocol/schemas/upload-sessions';
import { mayHaveSucceeded } from '../retry.ts';
import type { SourceIdentity, UploadState } from '../state.ts';
import { resolvingConflicts } from './conflict.ts';
import { listStoredParts } from './list-parts.ts';
import { isSessionGone, SESSION_GONE } from './session-errors.ts';
import { isNewFile, type Target, type UploadTask } from './upload.ts';
import { forgetState, recallState, rememberState } from './upload-state.ts';

/** So long a deletion that nobody waits for may take. */
const DELETION_MILLIS = 10_000;

/** A session that takes parts, and what it has of them. */
export interface OpenSession {
  session: UploadSession;
  stored: ReadonlyMap<number, UploadPart>;
  state: UploadState;
}

/** The session that an earlier run left for this upload, if it is still of use, or a new one. */
export async function openSession(upload: UploadTask): Promise<OpenSession> {
  const left = await recallState(upload);
  return (left && (await resume(upload, left))) ?? create(upload);
}

async function resume(upload: UploadTask, state: UploadState): Promise<OpenSession | undefined> {
  const { client, source, signal, budget: patience, emit, meter } = upload;
  const change = changeOf(state.source, source.identity);
  if (change !== undefined) {
    await discard(upload, state);
    const message = `${source.identity.name} has another ${change} than when its upload began: it begins anew.`;
    emit({ type: 'restarted', reason: 'source-changed', message });
    return undefined;
  }
  const { status, list_parts: list } = state.session.endpoints;
  try {
    const { session, stored } = await patience.retry({ what: 'session' }, async () => ({
      session: await client.chunkedUploads.getFileUploadSessionByUrl(status, { signal, retries: 0 }),
      stored: await listStoredParts(client, list, signal),
    }));
    meter.begin(session.part_size);
    const bytesStored = [...stored.values()].reduce((sum, part) => sum + part.size, 0);
    const message = `Goes on with ${stored.size} of ${session.total_parts} parts stored.`;
    emit({ type: 'resumed', sessionId: session.id, bytesStored, partsStored: stored.size, message });
    return { session, stored, state };
  } catch (error) {
    if (!isSessionGone(error)) throw error;
    // A commit may have been the end of it; whoever commits finds out (`state.sha1`).
    if (state.sha1 !== undefined) throw error;
    await forgetState(upload);
    emit({ type: 'restarted', reason: 'session-gone', message: SESSION_GONE });
    return undefined;
  }
}

async function create(upload: UploadTask): Promise<OpenSession> {
  const { meter, emit } = upload;
  const { session, target } = await resolvingConflicts(upload, async (target) => ({
    session: await createOnce(upload, target),
    target,
  }));
  const state = stateOf(upload, session, target);
  await rememberState(upload, state);
  meter.begin(session.part_size);
  const { id: sessionId, part_size: partSize, total_parts: totalParts, session_expires_at: expiresAt } = session;
  const message = `Sends ${totalParts} parts of ${partSize} bytes.`;
  emit({ type: 'session-created', sessionId, partSize, totalParts, expiresAt, message });
  return { session, stored: new Map(), state };
}

/** Creates a session; one whose answer was lost is given up, or it would keep its space for days. */
async function createOnce(upload: UploadTask, target: Target): Promise<UploadSession> {
  const beganAt = performance.now();
  let mayBeThere = false;
  try {
    const session = await upload.budget.retry({ what: 'session' }, async () => {
      try {
        return await createFor(upload, target);
      } catch (error) {
        mayBeThere ||= mayHaveSucceeded(error);
        throw error;
      }
    });
    if (mayBeThere)
      await dropLostSessions(upload, target, { own: session.id, sinceMillis: performance.now() - beganAt });
    return session;
  } catch (error) {
    if (mayBeThere) await dropLostSessions(upload, target, { own: '', sinceMillis: performance.now() - beganAt });
    throw error;
  }
}

function createFor({ client, size, signal }: UploadTask, target: Target): Promise<UploadSession> {
  const { chunkedUploads } = client;
  const options = { signal, retries: 0 };
  if (isNewFile(target)) {
    const body = { folder_id: target.folderId, file_name: target.name, file_size: size };
    return chunkedUploads.createFileUploadSession(body, options);
  }
  const body = { file_size: size, ...(target.name !== undefined && { file_name: target.name }) };
  return chunkedUploads.createFileUploadSessionForExistingFile(target.fileId, body, options);
}

/** Deletes what an upload that is of no use any more has left, as far as that can be done now. */
export async function discard(upload: UploadTask, { session }: Pick<UploadState, 'session'>): Promise<void> {
  await forgetState(upload);
  await deleteSession(upload, { session });
}

/** Deletes what is stored on the server in a session, as far as that can be done now. */
export async function deleteSession(
  { client }: Pick<UploadTask, 'client'>,
  { session }: Pick<UploadState, 'session'>,
): Promise<void> {
  // What stays behind expires; nothing here depends on it.
  await client.chunkedUploads
    .deleteFileUploadSessionByUrl(session.endpoints.abort, { retries: 2, signal: AbortSignal.timeout(DELETION_MILLIS) })
    .catch(() => {});
}

function stateOf(
  { client, key, target, source, options }: UploadTask,
  session: UploadSession,
  got: Target,
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
      name: got.name ?? options.name ?? source.name ?? '',
      ...(!isNewFile(got) && { fileId: got.fileId }),
    },
    startedAt: new Date().toISOString(),
  };
}

function changeOf(before: SourceIdentity, now: SourceIdentity): string | undefined {
  if (before.size !== now.size) return 'size';
  return before.modifiedAt === now.modifiedAt ? undefined : 'time of change';
}

/** By how much the server's dates may be off, which are whole seconds, in milliseconds. */
const ROUNDING = 2_000;
/** So long this may take; nobody needs to wait for it. */
const LIMIT = 10_000;

/**
 * Gives up the sessions that lost answers have left for this upload: of the same file, without a part, and as young as the
 * first try. Only a Partway server lists sessions; elsewhere they expire.
 */
async function dropLostSessions(
  { client, size }: UploadTask,
  target: Target,
  { own, sinceMillis }: { own: string; sinceMillis: number },
): Promise<void> {
  const options = { retries: 1, signal: AbortSignal.timeout(LIMIT) };
  try {
    const { entries } = await client.chunkedUploads.getFileUploadSessions({ ...options, queryParams: { limit: 1000 } });
    const created = entries.map(({ created_at: at }) => Date.parse(at));
    // By the server's own clock: the newest one came with the last try.
    const since = Math.max(...created) - sinceMillis - ROUNDING;
    for (const [index, entry] of entries.entries()) {
      const isSame =
        entry.file_size === size &&
        (isNewFile(target)
          ? entry.folder_id === target.folderId && entry.file_name === target.name
          : entry.file_id === target.fileId);
      if (!isSame || entry.id === own || entry.num_parts_processed > 0 || (created[index] ?? 0) < since) continue;
      await client.chunkedUploads.deleteFileUploadSessionById(entry.id, options);
    }
  } catch {
    // What stays behind expires.
  }
}
