import {
  ApiError,
  type ConflictPolicy,
  type FileObject,
  type NodeClient,
  SourceChangedError,
  type UploadEvent,
  type UploadProgress,
} from '@partway/client/node/index';
import { MAX_NAMES, numberedName } from '@partway/client/upload/conflict';
import { EXIT, Failure } from '../../exit-codes.ts';
import { formatBytes, formatSpeed } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import type { RunningTransfer, TransferReport } from '../../output/transfer-report.ts';
import type { TransferLanes } from '../lanes.ts';
import { Outages } from '../outages.ts';
import type { Tally } from '../tally.ts';
import type { LocalFile } from './local-files.ts';
import type { RemoteFolders } from './remote-folders.ts';
import { type Listing, queryListing, type RemoteItem } from './remote-listing.ts';

/** What sending a file needs. */
export interface SendRun {
  client: NodeClient;
  conflict: ConflictPolicy;
  parallel: number | undefined;
  signal: AbortSignal;
  report: TransferReport;
  tally: Tally;
  /** IDs of the files on the server that files of this run were uploaded to, or are identical to. */
  claimedIds: Set<string>;
}

export interface UploadRun extends SendRun {
  folders: RemoteFolders;
  /** Limits how many files are sent concurrently. */
  lanes: TransferLanes;
}

/**
 * Uploads one file and reports it. It is first compared with the file on the server, by size and then by SHA-1: an identical
 * file is skipped, and a conflict is reported before anything is sent.
 */
export async function uploadOne(run: UploadRun, file: LocalFile, name: string): Promise<void> {
  const { folders, conflict, signal, tally } = run;
  const begin = () => run.report.begin({ label: remotePath(file, name), path: file.path, totalBytes: file.size });
  let running: RunningTransfer | undefined;
  try {
    if (file.after !== undefined) await folders.ensure(file.after);
    const folder = await folders.ensure(file.folder);
    const listing = await folder.listing();
    // Input that can be read only once is not compared, unless a conflict would make it fail.
    const comparesFirst = conflict === 'fail' || !file.readOnce;
    const { same, taken } = comparesFirst ? await findUploaded(run, listing, file, name) : NO_LOOKUP;
    signal.throwIfAborted();
    if (same !== undefined) return endPresent(begin(), tally, same, name);
    const existing = taken.get(name);
    if (existing !== undefined && (conflict === 'fail' || (conflict === 'version' && existing.type === 'folder'))) {
      throw nameTakenError(existing);
    }
    await run.lanes.run(file.size, signal, async () => {
      running = begin();
      const sent = await sendFile(run, file, { folderId: folder.id, name, taken, running });
      listing.add({ type: 'file', id: sent.id, name: sent.name, size: sent.size, sha1: sent.sha1 });
    });
  } catch (error) {
    // The command was stopped before this file was started.
    if (running === undefined && signal.aborted) return;
    running ??= begin();
    const existing =
      isNameTaken(error) && !isFromComparison(error) ? await findUploadedSince(run, file, name) : undefined;
    if (existing !== undefined) endPresent(running, tally, existing, name);
    else tally.recordFailure(file.readOnce ? toInputError(error) : error, running);
  }
}

/** Returns the path of the file on the server, from the target folder on. */
function remotePath({ folder }: LocalFile, name: string): string {
  return [...folder.path, name].join('/');
}

const NO_LOOKUP = { same: undefined, taken: new Map<string, RemoteItem>() };

interface SendOptions {
  folderId: string;
  name: string;
  /** Known items of the folder, by name. */
  taken: ReadonlyMap<string, RemoteItem>;
  running: RunningTransfer;
}

/** Sends a file and reports its progress and result. Rejects if it fails. */
export async function sendFile(
  { client, conflict, parallel, signal, tally, claimedIds }: SendRun,
  file: LocalFile,
  { folderId, name, taken, running }: SendOptions,
): Promise<FileObject> {
  const outages = new Outages();
  const result = await client.uploadFile(file.source, {
    folderId,
    name,
    conflict,
    signal,
    whatHas: (candidate) => taken.get(candidate),
    size: file.size,
    ...(parallel !== undefined && { parallel }),
    onProgress: (progress) => running.progress(toProgress(progress)),
    onEvent: (event) => reportEvent(running, event, outages),
  });
  claimedIds.add(result.file.id);
  // Bytes of the file. `bytes_sent` also includes bytes that were sent again.
  const bytes = result.file.size - result.bytesResumed;
  const speed = formatSpeed(bytes, result.duration);
  tally.recordDone(bytes);
  running.end({
    kind: 'done',
    message: speed,
    details: `file ${result.file.id}, ${speed}, SHA-1 ${result.sha1}`,
    fields: {
      file: toJson(result.file),
      bytes_sent: result.bytesSent,
      bytes_resumed: result.bytesResumed,
      millis: Math.round(result.duration),
    },
  });
  return result.file;
}

/** Returns the error that the server would return for a name that is taken. */
function nameTakenError(existing: RemoteItem): ApiError {
  const { type, id, name } = existing;
  return new ApiError({
    status: 409,
    code: 'item_name_in_use',
    message: `The name is taken by ${type} ${id}, ${escapeControl(name)}. Nothing was sent.`,
    contextInfo: { conflicts: { type, id, name }, [FROM_COMPARISON]: true },
    call: 'GET /2.0/folders/:id/items',
  });
}

/** Marks a conflict that the comparison has found, so that it is not compared again. */
const FROM_COMPARISON = 'compared';

function isFromComparison(error: unknown): boolean {
  return error instanceof ApiError && error.contextInfo[FROM_COMPARISON] === true;
}

/** Finds an identical file that was created on the server after the comparison. */
async function findUploadedSince(
  { client, folders, conflict, claimedIds, signal }: UploadRun,
  file: LocalFile,
  name: string,
): Promise<RemoteItem | undefined> {
  try {
    const { id } = await folders.ensure(file.folder);
    const { same } = await findUploaded(
      { conflict, claimedIds },
      queryListing({ client, folderId: id, signal }),
      file,
      name,
    );
    return same;
  } catch {
    // The error of the upload is reported instead.
    return undefined;
  }
}

/** Input that has been read cannot be read again, so only the user can restart the upload. */
function toInputError(error: unknown): unknown {
  if (!(error instanceof SourceChangedError)) return error;
  const why = error.cause instanceof Error ? error.cause.message : error.message;
  const reason = why.replace(/:? starting from scratch\.$/, '.').replace(/([^.])$/, '$1.');
  const advice = 'The stored parts were deleted. Run the same command again, with its input from the start.';
  return new Failure(EXIT.failed, `${reason} ${advice}`, { cause: error });
}

function endPresent(running: RunningTransfer, tally: Tally, existing: RemoteItem, name: string): void {
  tally.present += 1;
  const otherName = existing.name === name ? '' : `${escapeControl(existing.name)}, `;
  const message = `skipped, identical file exists (${otherName}ID ${existing.id})`;
  running.end({ kind: 'present', message, fields: { file: toJson(existing) } });
}

function toJson({ id, name, size, sha1 }: Pick<FileObject, 'id' | 'name' | 'size' | 'sha1'>): object {
  return { id, name, size, sha1 };
}

function isNameTaken(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'item_name_in_use';
}

function toProgress({ phase, bytesDone, bytesPerSecond, secondsLeft }: UploadProgress) {
  return {
    doneBytes: bytesDone,
    rate: bytesPerSecond,
    left: secondsLeft === undefined ? undefined : secondsLeft * 1000,
    ...(phase === 'hashing' && { note: 'verifying uploaded parts' }),
    ...(phase === 'committing' && { note: 'finishing' }),
  };
}

/** Reports the events that matter to users. Others are visible in the progress bar or the result. */
function reportEvent(running: RunningTransfer, event: UploadEvent, outages: Outages): void {
  if (event.type === 'resumed') {
    const { bytesStored: bytes, sessionId } = event;
    running.event(`resuming at ${formatBytes(bytes)}`, { event: 'resumed', session_id: sessionId, bytes });
  } else if (event.type === 'restarted') {
    running.event(event.message, { event: 'restarted', reason: event.reason });
  } else if (event.type === 'date-left-out') {
    running.event(event.message, { event: 'date_left_out' });
  } else if (event.type === 'renamed') {
    running.event(event.message, { event: 'renamed', from: event.from, to: event.to });
  } else if (event.type === 'retrying') {
    const { message, waitMillis } = event;
    const fields = { event: 'retrying', wait_millis: waitMillis };
    running.retry({ message, fields, waitMillis, isNews: outages.isNews(event) });
  }
}

/** The result of looking up a file's possible names on the server. */
interface NameLookup {
  /** The identical file on the server. */
  same: RemoteItem | undefined;
  /** The items that have the names that were looked up, by name. */
  taken: ReadonlyMap<string, RemoteItem>;
}

/**
 * Finds an identical file on the server, by size and then by SHA-1: the file with the same name or, with `rename`, with one
 * of the names that would be tried in turn. With `rename`, each file on the server matches only one file of the run. The
 * local file is read once, and only if a file with its size exists.
 */
async function findUploaded(
  { conflict, claimedIds }: Pick<UploadRun, 'conflict' | 'claimedIds'>,
  listing: Listing,
  file: LocalFile,
  name: string,
): Promise<NameLookup> {
  const renames = conflict === 'rename';
  const taken = new Map<string, RemoteItem>();
  let sha1: string | undefined;
  for (let number = 0; number <= (renames ? MAX_NAMES : 0); number += 1) {
    const candidate = numberedName(name, number);
    const existing = await listing.find(candidate);
    if (existing === undefined) break;
    taken.set(candidate, existing);
    if (existing.type !== 'file' || existing.size !== file.size || (renames && claimedIds.has(existing.id))) continue;
    sha1 ??= await file.sha1();
    if (existing.sha1 !== sha1) continue;
    claimedIds.add(existing.id);
    return { same: existing, taken };
  }
  return { same: undefined, taken };
}
