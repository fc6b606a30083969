import { itemNameFault } from '@partway/protocol/names';
import { ApiError, SourceChangedError } from '../errors.ts';
import type { UploadState } from '../state.ts';
import type { UploadEvent, UploadOptions, UploadResult } from '../upload-options.ts';
import { checkedAttributes } from './content-attributes.ts';
import { deleteSession, discard } from './open-session.ts';
import { ProgressMeter } from './progress.ts';
import { RetryBudget } from './retry-budget.ts';
import { isFinal, RestartUpload } from './session-errors.ts';
import type { UploadSource } from './source.ts';
import type { Target, UploadClient, UploadTask } from './upload.ts';
import { uploadInParts } from './upload-in-parts.ts';
import { recallState } from './upload-state.ts';
import { uploadWhole } from './upload-whole.ts';

const SESSION_FROM = 20_000_000;
const DEFAULT_PATIENCE = 5 * 60_000;
const PROGRESS_INTERVAL = 200;
/** A source that has changed so often in one upload is still being written. */
const MOST_RESTARTS = 3;

/** Uploads a source, in one piece or in parts; begins anew where it has to, and cleans up where it was told to. */
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
  const target = targetOf(options, source);
  checkTarget(target);
  using meter = new ProgressMeter(size, options.onProgress, options.progressInterval ?? PROGRESS_INTERVAL);
  const upload: UploadTask = {
    client,
    source,
    size,
    target,
    options,
    store: options.store === false ? undefined : (options.store ?? client.store),
    key: keyOf(client, source, target),
    meter,
    attributes: checkedAttributes({ options, source, emit }),
    budget: new RetryBudget(options.patience ?? DEFAULT_PATIENCE, signal, emit),
    signal,
    queryOptions: { signal, patience: options.patience ?? DEFAULT_PATIENCE },
    emit,
  };

  function result(done: Pick<UploadResult, 'file' | 'sha1' | 'sessionId' | 'bytesResumed'>): UploadResult {
    meter.enter('done');
    return { ...done, bytesSent: meter.bytesSent, duration: performance.now() - startedAt };
  }

  let session: UploadState['session'] | undefined;
  try {
    if (size >= (options.sessionFrom ?? SESSION_FROM)) {
      const inParts = await throughRestarts(upload, (opened) => {
        session = opened;
      });
      if (inParts !== undefined) return result(inParts);
    }
    const bytes = await upload.source.whole();
    const sha1 = await hash(bytes);
    const file = await uploadWhole(upload, bytes, sha1);
    return result({ file, sha1, sessionId: undefined, bytesResumed: 0 });
  } catch (error) {
    throw await stopped(upload, session, error);
  }
}

/** Undefined where the server takes the file in one piece only. */
async function throughRestarts(upload: UploadTask, onSession: (session: UploadState['session']) => void) {
  const { meter, emit } = upload;
  let session: UploadState['session'] | undefined;
  for (let restarts = 0; ; restarts += 1) {
    const { source } = upload;
    try {
      return await uploadInParts(upload, (opened) => {
        session = opened;
        onSession(opened);
      });
    } catch (error) {
      if (error instanceof ApiError && error.code === 'file_size_too_small') return undefined;
      if (!(error instanceof RestartUpload)) throw error;
      // Before anything is thrown away: a file that cannot be read now may be there again later.
      const next = source.repeatable ? await source.again() : undefined;
      if (session !== undefined) await discard(upload, { session });
      if (restarts >= MOST_RESTARTS || next === undefined) throw cannotRestartError(error, source);
      emit({ type: 'restarted', reason: error.reason, message: error.message });
      upload.source = next;
      upload.attributes = checkedAttributes(upload);
      upload.size = meter.total = next.identity.size;
    }
  }
}

function cannotRestartError(error: RestartUpload, { repeatable, identity }: UploadSource): Error {
  const why = error.message.replace(/: it begins anew\.$/, '.');
  if (!repeatable) {
    return new SourceChangedError(`${why} A stream cannot be read again: call uploadFile with a new one.`, {
      cause: error,
    });
  }
  return error.reason === 'source-changed'
    ? new SourceChangedError(`${identity.name} changes faster than it can be uploaded.`, { cause: error })
    : error;
}

/** Says whether the upload can go on, and deletes what is stored where a cancel is to do that. Gives what is thrown. */
async function stopped(
  upload: UploadTask,
  session: UploadState['session'] | undefined,
  error: unknown,
): Promise<unknown> {
  const { signal, options, emit, meter } = upload;
  const leadsNowhere = (signal?.aborted && options.abortSession) || isFinal(error);
  if (session !== undefined && leadsNowhere) await discard(upload, { session });
  const resumable = (await recallState(upload)) !== undefined;
  // Nobody can go on with it.
  if (session !== undefined && !resumable && !leadsNowhere) await deleteSession(upload, { session });
  const why = error instanceof Error ? error.message : String(error);
  const message = resumable ? `${why} (What is stored stays: the same upload again goes on from there.)` : why;
  const { bytesStored } = meter;
  emit({ type: 'stopped', resumable, sessionId: session?.id, bytesStored, error, message });
  return error;
}

/** @throws TypeError for a name that no server takes, before anything is sent. */
function checkTarget({ name }: Target): void {
  const fault = name === undefined ? undefined : itemNameFault(name);
  if (fault !== undefined) throw new TypeError(`The name "${name}" ${fault.message}.`);
}

function targetOf({ fileId, folderId = '0', name }: UploadOptions, source: UploadSource): Target {
  if (fileId !== undefined) return { fileId, name };
  const called = name ?? source.name;
  if (called === undefined) throw new TypeError('This source has no name of its own: give one as `name`.');
  return { folderId, name: called };
}

/** The same server, place and source have the same key, whatever the source's size and time of change. */
function keyOf({ addresses }: UploadClient, { identity }: UploadSource, target: Target): string {
  const place = 'fileId' in target ? ['file', target.fileId] : ['folder', target.folderId, target.name];
  return JSON.stringify([addresses.api, ...place, identity.kind, identity.name]);
}
