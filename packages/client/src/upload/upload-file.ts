import { itemNameFault } from '@partway/protocol/names';
import { ApiError, SourceChangedError } from '../errors.ts';
import type { UploadState } from '../state.ts';
import type { UploadEvent, UploadOptions, UploadResult } from '../upload-options.ts';
import { createAttributes } from './content-attributes.ts';
import { deleteSession, discard } from './open-session.ts';
import { ProgressMeter } from './progress.ts';
import { RetryBudget } from './retry-budget.ts';
import { isFinal, RestartUpload } from './session-errors.ts';
import type { UploadSource } from './source.ts';
import type { Target, UploadClient, UploadTask } from './upload.ts';
import { uploadInParts } from './upload-in-parts.ts';
import { loadState } from './upload-state.ts';
import { uploadWhole } from './upload-whole.ts';

/** Smaller files are uploaded in one request. Box's limit, in bytes. */
export const MIN_SESSION_SIZE = 20_000_000;
const DEFAULT_PATIENCE = 5 * 60_000;
const PROGRESS_INTERVAL = 200;
/** If a source has changed more often than this during one upload, it is still being written. */
const MAX_RESTARTS = 3;

/**
 * Uploads a source in one request or in parts. Starts from scratch if the stored parts cannot be used, and deletes them if
 * the upload cannot be resumed.
 */
export async function uploadFile(
  client: UploadClient,
  source: UploadSource,
  options: UploadOptions,
  hash: (bytes: Uint8Array | Blob) => Promise<string>,
): Promise<UploadResult> {
  const { signal, onEvent } = options;
  signal?.throwIfAborted();
  const startedAt = performance.now();
  const emit = (event: UploadEvent) => onEvent?.(event);
  const { size } = source.identity;
  const target = createTarget(options, source);
  assertTarget(target);
  using meter = new ProgressMeter(size, options.onProgress, options.progressInterval ?? PROGRESS_INTERVAL);
  const upload: UploadTask = {
    client,
    source,
    size,
    target,
    options,
    store: options.store === false ? undefined : (options.store ?? client.store),
    key: createStateKey(client, source, target),
    meter,
    attributes: createAttributes({ options, source, emit }),
    budget: new RetryBudget(options.patience ?? DEFAULT_PATIENCE, signal, emit),
    signal,
    queryOptions: { signal, patience: options.patience ?? DEFAULT_PATIENCE },
    emit,
  };

  function result(done: Pick<UploadResult, 'file' | 'sha1' | 'sessionId' | 'bytesResumed'>): UploadResult {
    meter.setPhase('done');
    return { ...done, bytesSent: meter.bytesSent, duration: performance.now() - startedAt };
  }

  let session: UploadState['session'] | undefined;
  try {
    if (size >= (options.sessionFrom ?? MIN_SESSION_SIZE)) {
      const inParts = await uploadWithRestarts(upload, (newSession) => {
        session = newSession;
      });
      if (inParts !== undefined) return result(inParts);
    }
    const bytes = await upload.source.readAll();
    const sha1 = await hash(bytes);
    const file = await uploadWhole(upload, bytes, sha1);
    return result({ file, sha1, sessionId: undefined, bytesResumed: 0 });
  } catch (error) {
    throw await handleStop(upload, session, error);
  }
}

/** Resolves with undefined if the server accepts the file only in one request. */
async function uploadWithRestarts(upload: UploadTask, onSession: (session: UploadState['session']) => void) {
  const { meter, emit } = upload;
  let session: UploadState['session'] | undefined;
  for (let restarts = 0; ; restarts += 1) {
    const { source } = upload;
    try {
      return await uploadInParts(upload, (newSession) => {
        session = newSession;
        onSession(newSession);
      });
    } catch (error) {
      if (error instanceof ApiError && error.code === 'file_size_too_small') return undefined;
      if (!(error instanceof RestartUpload)) throw error;
      // Reopen before deleting anything: a file that cannot be read now may be readable later.
      const next = source.repeatable ? await source.reopen() : undefined;
      if (session !== undefined) await discard(upload, { session });
      if (restarts >= MAX_RESTARTS || next === undefined) throw cannotRestartError(error, source);
      emit({ type: 'restarted', reason: error.reason, message: error.message });
      upload.source = next;
      upload.attributes = createAttributes(upload);
      upload.size = meter.total = next.identity.size;
    }
  }
}

function cannotRestartError(error: RestartUpload, { repeatable, identity }: UploadSource): Error {
  const why = error.message.replace(/: starting from scratch\.$/, '.');
  if (!repeatable) {
    return new SourceChangedError(`${why} A stream cannot be read again. Call uploadFile with a new stream.`, {
      cause: error,
    });
  }
  return error.reason === 'source-changed'
    ? new SourceChangedError(`${identity.name} changes faster than it can be uploaded.`, { cause: error })
    : error;
}

/** Deletes what cannot be resumed, and emits `stopped`. Returns the error to throw. */
async function handleStop(
  upload: UploadTask,
  session: UploadState['session'] | undefined,
  error: unknown,
): Promise<unknown> {
  const { signal, options, emit, meter } = upload;
  const isHopeless = (signal?.aborted && options.abortSession) || isFinal(error);
  if (session !== undefined && isHopeless) await discard(upload, { session });
  const resumable = (await loadState(upload)) !== undefined;
  // Without a state, nothing can resume this session.
  if (session !== undefined && !resumable && !isHopeless) await deleteSession(upload, { session });
  const why = error instanceof Error ? error.message : String(error);
  const message = resumable ? `${why} (Stored parts are kept: start the same upload again to resume.)` : why;
  const { bytesStored } = meter;
  emit({ type: 'stopped', resumable, sessionId: session?.id, bytesStored, error, message });
  return error;
}

/** @throws TypeError for a name that every server refuses, before anything is sent. */
function assertTarget({ name }: Target): void {
  const fault = name === undefined ? undefined : itemNameFault(name);
  if (fault !== undefined) throw new TypeError(`The name "${name}" ${fault.message}.`);
}

function createTarget({ fileId, folderId = '0', name }: UploadOptions, source: UploadSource): Target {
  if (fileId !== undefined) return { fileId, name };
  const targetName = name ?? source.name;
  if (targetName === undefined) throw new TypeError('This source has no name: set `name`.');
  return { folderId, name: targetName };
}

/** The key depends on server, target and source, but not on the source's size and modification time. */
function createStateKey({ addresses }: UploadClient, { identity }: UploadSource, target: Target): string {
  const place = 'fileId' in target ? ['file', target.fileId] : ['folder', target.folderId, target.name];
  return JSON.stringify([addresses.api, ...place, identity.kind, identity.name]);
}
