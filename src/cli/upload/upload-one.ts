import {
  ApiError,
  type ConflictPolicy,
  type FileObject,
  type NodeClient,
  SourceChangedError,
  type UploadEvent,
  type UploadProgress,
} from '../../client/node/index.ts';
import { EXIT, Failure } from '../exit-codes.ts';
import { bytesText } from '../term/quantities.ts';
import { shownText } from '../term/shown-text.ts';
import type { RunningTransfer, TransferReport } from '../transfer/report.ts';
import { speedText } from '../transfer/speed-text.ts';
import type { Tally } from '../transfer/tally.ts';
import type { LocalFile } from './local-files.ts';
import { Outages } from './outages.ts';
import type { RemoteFolders } from './remote-folders.ts';
import { sameThere } from './same-there.ts';

export interface UploadOrder {
  client: NodeClient;
  folders: RemoteFolders;
  conflict: ConflictPolicy;
  parallel: number | undefined;
  signal: AbortSignal;
  report: TransferReport;
  tally: Tally;
  /** Ids of the files on the server that a file of this run has become, or was found to be. */
  claimed: Set<string>;
}

/** Uploads one file, and tells of it. A file that is there already, with the same bytes, is one less to do. */
export async function uploadOne(order: UploadOrder, file: LocalFile, name: string): Promise<void> {
  const { client, folders, conflict, parallel, signal, report, tally, claimed } = order;
  const running = report.begin({ label: file.path, totalBytes: file.size });
  const outages = new Outages();
  try {
    const folderId = await folders.idOf(file.folders);
    const asksFirst = conflict !== 'fail' && !file.readOnce;
    const there = asksFirst ? await sameThere(order, file, name) : undefined;
    if (there !== undefined) return endPresent(running, tally, there, name);
    const result = await client.uploadFile(file.source, {
      folderId,
      name,
      conflict,
      signal,
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
      message: `file ${result.file.id}, ${speedText(bytes, result.duration)}, SHA-1 ${result.sha1}`,
      fields: {
        file: fieldsOf(result.file),
        bytes_sent: result.bytesSent,
        bytes_resumed: result.bytesResumed,
        millis: Math.round(result.duration),
      },
    });
  } catch (error) {
    const there = isTaken(error) ? await sameThere(order, file, name).catch(() => undefined) : undefined;
    if (there !== undefined) endPresent(running, tally, there, name);
    else tally.failed(file.readOnce ? ofInput(error) : error, running);
  }
}

/** Bytes that are gone cannot be begun anew with: here it takes whoever pipes them in. */
function ofInput(error: unknown): unknown {
  if (!(error instanceof SourceChangedError)) return error;
  const why = error.cause instanceof Error ? error.cause.message : error.message;
  const happened = why.replace(/:? it begins anew\.$/, '.').replace(/([^.])$/, '$1.');
  const advice = 'What was stored is thrown away. Run the same command again, with its input from the first byte on.';
  return new Failure(EXIT.failed, `${happened} ${advice}`, { cause: error });
}

function endPresent(running: RunningTransfer, tally: Tally, there: FileObject, name: string): void {
  tally.present += 1;
  const called = there.name === name ? '' : `${shownText(there.name)}, `;
  const message = `is there already, as ${called}file ${there.id}`;
  running.end({ kind: 'present', message, fields: { file: fieldsOf(there) } });
}

function fieldsOf({ id, name, size, sha1 }: FileObject): object {
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
    running.event(`goes on after ${bytesText(bytes)}`, { event: 'resumed', session_id: sessionId, bytes });
  } else if (event.type === 'restarted') {
    running.event(event.message, { event: 'restarted', reason: event.reason });
  } else if (event.type === 'renamed') {
    running.event(event.message, { event: 'renamed', from: event.from, to: event.to });
  } else if (event.type === 'retrying') {
    const fields = { event: 'retrying', wait_millis: event.waitMillis };
    if (outages.isNews(event)) running.event(event.message, fields);
    else running.again(event.message, fields);
  }
}
