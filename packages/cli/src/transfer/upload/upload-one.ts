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
import type { Tally } from '../tally.ts';
import type { LocalFile } from './local-files.ts';
import { Outages } from './outages.ts';
import type { RemoteFolders } from './remote-folders.ts';
import { askEach, type Listing, type RemoteItem } from './remote-listing.ts';

export interface UploadRun {
  client: NodeClient;
  folders: RemoteFolders;
  conflict: ConflictPolicy;
  parallel: number | undefined;
  signal: AbortSignal;
  report: TransferReport;
  tally: Tally;
  /** Ids of the files on the server that a file of this run has become, or was found to be. */
  taken: Set<string>;
  /** Lets so many files at a time send their bytes. */
  lanes: TransferLanes;
}

/**
 * Uploads one file, and tells of it. What the server has is compared first, by size and then SHA-1: a file that is there
 * already is one less to do, and one whose name is taken is refused, before anything of it is sent.
 */
export async function uploadOne(order: UploadRun, file: LocalFile, name: string): Promise<void> {
  const { folders, conflict, signal, tally } = order;
  const begin = () => order.report.begin({ label: file.path, totalBytes: file.size });
  let running: RunningTransfer | undefined;
  try {
    if (file.after !== undefined) await folders.at(file.after);
    const folder = await folders.at(file.folder);
    const listing = await folder.listing();
    // Bytes that come once are not compared, unless they would be refused.
    const asksFirst = conflict === 'fail' || !file.readOnce;
    const { same, taken } = asksFirst ? await findUploaded(order, listing, file, name) : NOTHING_KNOWN;
    signal.throwIfAborted();
    if (same !== undefined) return endPresent(begin(), tally, same, name);
    const there = taken.get(name);
    if (there !== undefined && (conflict === 'fail' || (conflict === 'version' && there.type === 'folder'))) {
      throw nameTaken(there);
    }
    await order.lanes.run(file.size, signal, async () => {
      running = begin();
      const sent = await send(order, file, { folderId: folder.id, name, taken, running });
      listing.add({ type: 'file', id: sent.id, name: sent.name, size: sent.size, sha1: sent.sha1 });
    });
  } catch (error) {
    // Nothing of it was begun when the command was stopped.
    if (running === undefined && signal.aborted) return;
    running ??= begin();
    const there = isTaken(error) && !isOurs(error) ? await comparedAfterwards(order, file, name) : undefined;
    if (there !== undefined) endPresent(running, tally, there, name);
    else tally.failed(file.readOnce ? ofInput(error) : error, running);
  }
}

const NOTHING_KNOWN = { same: undefined, taken: new Map<string, RemoteItem>() };

interface Sending {
  folderId: string;
  name: string;
  taken: ReadonlyMap<string, RemoteItem>;
  running: RunningTransfer;
}

async function send(
  { client, conflict, parallel, signal, tally, taken: claimed }: UploadRun,
  file: LocalFile,
  { folderId, name, taken, running }: Sending,
): Promise<FileObject> {
  const outages = new Outages();
  const result = await client.uploadFile(file.source, {
    folderId,
    name,
    conflict,
    signal,
    whatHas: (called) => taken.get(called),
    ...(file.readOnce && { size: file.size }),
    ...(parallel !== undefined && { parallel }),
    onProgress: (progress) => running.progress(standingOf(progress)),
    onEvent: (event) => tellEvent(running, event, outages),
  });
  claimed.add(result.file.id);
  // Of the file: what went out in vain, and what frames the bytes, is in bytes_sent.
  const bytes = result.file.size - result.bytesResumed;
  tally.done(bytes);
  running.end({
    kind: 'done',
    message: `file ${result.file.id}, ${formatSpeed(bytes, result.duration)}, SHA-1 ${result.sha1}`,
    fields: {
      file: fieldsOf(result.file),
      bytes_sent: result.bytesSent,
      bytes_resumed: result.bytesResumed,
      millis: Math.round(result.duration),
    },
  });
  return result.file;
}

/** As the server would say it, had it been asked with the bytes. */
function nameTaken(there: RemoteItem): ApiError {
  const { type, id, name } = there;
  return new ApiError({
    status: 409,
    code: 'item_name_in_use',
    message: `The name is taken by ${type} ${id}, ${escapeControl(name)}, and nothing was sent.`,
    contextInfo: { conflicts: { type, id, name }, [FOUND_HERE]: true },
    call: 'GET /2.0/folders/:id/items',
  });
}

/** Marks a conflict that was found by the comparison, which has nothing more to compare. */
const FOUND_HERE = 'compared';

function isOurs(error: unknown): boolean {
  return error instanceof ApiError && error.contextInfo[FOUND_HERE] === true;
}

/** The same file, where somebody has put it there since it was looked for. */
async function comparedAfterwards(
  { client, folders, conflict, taken, signal }: UploadRun,
  file: LocalFile,
  name: string,
): Promise<RemoteItem | undefined> {
  try {
    const { id } = await folders.at(file.folder);
    const { same } = await findUploaded({ conflict, taken }, askEach({ client, folderId: id, signal }), file, name);
    return same;
  } catch {
    // What the upload met is what is told.
    return undefined;
  }
}

/** Bytes that are gone cannot be restarted: here it takes whoever pipes them in. */
function ofInput(error: unknown): unknown {
  if (!(error instanceof SourceChangedError)) return error;
  const why = error.cause instanceof Error ? error.cause.message : error.message;
  const happened = why.replace(/:? starting from scratch\.$/, '.').replace(/([^.])$/, '$1.');
  const advice = 'What was stored is thrown away. Run the same command again, with its input from the first byte on.';
  return new Failure(EXIT.failed, `${happened} ${advice}`, { cause: error });
}

function endPresent(running: RunningTransfer, tally: Tally, there: RemoteItem, name: string): void {
  tally.present += 1;
  const called = there.name === name ? '' : `${escapeControl(there.name)}, `;
  const message = `is there already, as ${called}file ${there.id}`;
  running.end({ kind: 'present', message, fields: { file: fieldsOf(there) } });
}

function fieldsOf({ id, name, size, sha1 }: Pick<FileObject, 'id' | 'name' | 'size' | 'sha1'>): object {
  return { id, name, size, sha1 };
}

function isTaken(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'item_name_in_use';
}

function standingOf({ phase, bytesDone, bytesPerSecond, secondsLeft }: UploadProgress) {
  return {
    doneBytes: bytesDone,
    rate: bytesPerSecond,
    left: secondsLeft === undefined ? undefined : secondsLeft * 1000,
    ...(phase === 'hashing' && { note: 'reading what is sent' }),
    ...(phase === 'committing' && { note: 'finishing' }),
  };
}

/** Sessions and how many requests there are show in the bars, and a stop in how it ends. */
function tellEvent(running: RunningTransfer, event: UploadEvent, outages: Outages): void {
  if (event.type === 'resumed') {
    const { bytesStored: bytes, sessionId } = event;
    running.event(`goes on after ${formatBytes(bytes)}`, { event: 'resumed', session_id: sessionId, bytes });
  } else if (event.type === 'restarted') {
    running.event(event.message, { event: 'restarted', reason: event.reason });
  } else if (event.type === 'date-left-out') {
    running.event(event.message, { event: 'date_left_out' });
  } else if (event.type === 'renamed') {
    running.event(event.message, { event: 'renamed', from: event.from, to: event.to });
  } else if (event.type === 'retrying') {
    const fields = { event: 'retrying', wait_millis: event.waitMillis };
    if (outages.isNews(event)) running.event(event.message, fields);
    else running.repeated(event.message, fields);
  }
}

/** What is known of a file's names on the server before anything is sent. */
interface NameLookup {
  /** The file there that this one has become in an earlier run. */
  same: RemoteItem | undefined;
  /** What has the names that were gone through, by name. */
  taken: ReadonlyMap<string, RemoteItem>;
}

/**
 * Finds the file on the server that this one has become in an earlier run, told by size and then SHA-1: the one of its name,
 * or with `rename` one of the names that would be tried in turn. No file there stands for two of one run: `rename` wants each of
 * them. The local file is read once, and only where something of its size is in the way.
 */
async function findUploaded(
  { conflict, taken: claimed }: Pick<UploadRun, 'conflict' | 'taken'>,
  listing: Listing,
  file: LocalFile,
  name: string,
): Promise<NameLookup> {
  const renames = conflict === 'rename';
  const taken = new Map<string, RemoteItem>();
  let sha1: string | undefined;
  for (let number = 0; number <= (renames ? MAX_NAMES : 0); number += 1) {
    const called = numberedName(name, number);
    const there = await listing.find(called);
    if (there === undefined) break;
    taken.set(called, there);
    if (there.type !== 'file' || there.size !== file.size || (renames && claimed.has(there.id))) continue;
    sha1 ??= await file.sha1();
    if (there.sha1 !== sha1) continue;
    claimed.add(there.id);
    return { same: there, taken };
  }
  return { same: undefined, taken };
}
