import { type ConflictPolicy, type NodeClient, TransportError } from '@partway/client/node/index';
import { parseBytes } from '@partway/server/config/parse';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { openReport } from '../../output/reports.ts';
import { escapeControl, quoteForShell } from '../../output/text.ts';
import { interrupts } from '../../process.ts';
import { getItem, ROOT } from '../../remote/find-item.ts';
import { splitPath } from '../../remote/paths.ts';
import { prefetchMapped } from '../../transfer/ahead.ts';
import { TransferLanes } from '../../transfer/lanes.ts';
import { Tally } from '../../transfer/tally.ts';
import { DiskThreads } from '../../transfer/upload/disk-threads.ts';
import { type LocalFile, localFiles, type Walk } from '../../transfer/upload/local-files.ts';
import { RemoteFolders } from '../../transfer/upload/remote-folders.ts';
import { serializeByName } from '../../transfer/upload/serialize-by-name.ts';
import { STANDARD_INPUT, standardInput } from '../../transfer/upload/standard-input.ts';
import { UploadFolder } from '../../transfer/upload/upload-folder.ts';
import { type UploadRun, uploadOne } from '../../transfer/upload/upload-one.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';

/** So many small files send their bytes at a time. */
const SMALL_AT_A_TIME = 4;
/** So many files are compared at a time, or wait for their turn to be sent. */
const MOST_COMPARED = 256;

interface UploadOptions {
  to: string;
  recursive?: boolean;
  parallel?: number;
  conflict: ConflictPolicy;
  name?: string;
  size?: number;
}

/** `partway upload` */
export function addUploadCommand(program: Command): void {
  const command = program
    .command('upload')
    .argument('<path...>', 'files, with --recursive folders; - for standard input');
  command
    .description('upload files in parallel parts, and go on where an earlier try stopped')
    .option('--to <remote-folder>', 'where to on the server: path from the root folder, or id', '/')
    .option('-r, --recursive', 'folders with all that is in them')
    .option('--parallel <number>', 'requests at a time, at most, 1 to 8; chosen by what the line gives', parallelOf)
    .addOption(
      new Option('--conflict <what>', 'where the name is taken')
        .choices(['fail', 'rename', 'version'] satisfies ConflictPolicy[])
        .default('fail'),
    )
    .option('--name <name>', 'what the file is called on the server')
    .option('--size <size>', 'of standard input: how much of it comes, such as 123456 or 4GiB', sizeOf);
  remoteCommand(command, (call) => uploadAll(call, command.opts<UploadOptions>()));
}

async function uploadAll(
  { client, args, json, sameServer, notices }: RemoteCall,
  options: UploadOptions,
): Promise<void> {
  const { to, recursive = false, parallel, conflict } = options;
  checkArguments(args, options);
  const target = await getItem(client, to, 'folder', () => {
    return `Make it first: partway mkdir -p ${quoteForShell(`/${splitPath(to).join('/')}`)}${sameServer}`;
  });
  // The root folder is known without asking.
  if (target.id === ROOT.id) await reach(client);
  const piped = args[0] === STANDARD_INPUT;
  using stop = interrupts(piped ? 'Run the same command again: with the same input it goes on from here.' : undefined);
  using report = await openReport({ json });
  notices.tell = report.notice;
  using disk = new DiskThreads();
  const { signal } = stop;
  const renames = conflict === 'rename';
  const folders = new RemoteFolders(client, target.id, { signal, renames });
  const tally = new Tally();
  const lanes = new TransferLanes(SMALL_AT_A_TIME);
  const order = { client, folders, conflict, parallel, signal, report, tally, lanes, taken: new Set<string>() };
  const walk = { recursive, renames, disk, name: options.name };
  if (piped) await uploadInput(order, options);
  else {
    if (recursive || args.length > 1) report.expect(() => bytesIn(args, walk, signal));
    await prefetchMapped(filesIn(order, args, walk), MOST_COMPARED, uploader(order, options), signal);
  }
  if (tally.count > 1 || json) tally.summarize(report, { verb: 'uploaded', interrupted: stop.signal.aborted });
  process.exitCode = tally.exitCode;
  if (stop.signal.aborted) throw stop.signal.reason;
}

/**
 * Finds out whether there is a server. An upload waits minutes for one that goes away; one that was never there is a slip in the
 * address more often than not.
 */
async function reach(client: NodeClient): Promise<void> {
  await client.users.getUserMe({ queryParams: { fields: ['name'] } }).catch((error: unknown) => {
    // A refusal is an answer, and a token may be for uploads alone.
    if (error instanceof TransportError) throw error;
  });
}

function checkArguments(args: readonly string[], { recursive, name, size }: UploadOptions): void {
  const fail = (message: string) => {
    throw new Failure(EXIT.usage, message);
  };
  if (!args.includes(STANDARD_INPUT)) {
    if (name !== undefined && (args.length > 1 || recursive)) fail('--name is for a single file.');
    if (size !== undefined)
      fail('--size is for standard input, as in COMMAND | partway upload - --name NAME --size SIZE');
    return;
  }
  if (args.length > 1 || recursive) {
    fail('Standard input (-) goes up by itself. A file that is named so is ./-');
  }
  if (name === undefined) fail('What comes on standard input has no name: give it one with --name.');
  if (size === undefined) {
    fail(
      'An upload has to say at its start how long it is, and standard input does not: give its bytes with --size. ' +
        `Where nobody knows them, put it into a file first: COMMAND > FILE && partway upload FILE --name ${quoteForShell(name ?? '')}`,
    );
  }
}

async function uploadInput(order: UploadRun, { name = '', size = 0 }: UploadOptions): Promise<void> {
  try {
    using file = await standardInput({ name, size, signal: order.signal });
    await uploadOne(order, file, name);
  } catch (error) {
    order.tally.failed(error, order.report.begin({ label: STANDARD_INPUT, totalBytes: size }));
  }
}

/** Uploads a file; where it may be renamed, not beside one that may take its name. */
function uploader(order: UploadRun, options: UploadOptions): (file: LocalFile) => Promise<void> {
  const inTurn = serializeByName();
  return (file) => {
    const name = options.name ?? file.name;
    const work = () => uploadOne(order, file, name);
    return order.conflict === 'rename' ? inTurn(file.folder, name, work) : work();
  };
}

/** The files, with their folders made on the way, so that empty ones are there too. */
async function* filesIn(
  { folders, report, tally }: UploadRun,
  paths: readonly string[],
  walk: Walk,
): AsyncGenerator<LocalFile> {
  const trouble = (label: string, error: unknown) => tally.failed(error, report.begin({ label, totalBytes: 0 }));
  for await (const found of localFiles(paths, new UploadFolder(), walk)) {
    if (found.kind === 'file') yield found.file;
    else if (found.kind === 'folder') await folders.at(found.folder).catch((error) => trouble(found.path, error));
    else if (found.kind === 'trouble') trouble(found.path, found.error);
    else
      report.notice(`${escapeControl(found.path)} is passed over: ${found.why}.`, { path: found.path, why: found.why });
  }
}

async function bytesIn(paths: readonly string[], walk: Walk, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  for await (const found of localFiles(paths, new UploadFolder(), walk)) {
    signal.throwIfAborted();
    if (found.kind === 'file') bytes += found.file.size;
  }
  return bytes;
}

function parallelOf(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 8) return number;
  throw new InvalidArgumentError('Give a whole number from 1 to 8.');
}

function sizeOf(text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('Give bytes, such as 123456 or 4GiB.');
}
