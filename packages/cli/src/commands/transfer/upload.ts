import { stat } from 'node:fs/promises';
import { type ConflictPolicy, type NodeClient, TransportError } from '@partway/client/node/index';
import { parseBytes } from '@partway/server/config/parse';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { parseVerbosity } from '../../output/report-options.ts';
import { openReport } from '../../output/reports.ts';
import { escapeControl, quoteForShell } from '../../output/text.ts';
import type { Total } from '../../output/transfer-report.ts';
import { handleInterrupts } from '../../process.ts';
import { getItem, ROOT } from '../../remote/find-item.ts';
import { splitPath } from '../../remote/paths.ts';
import type { Filter } from '../../transfer/filter/filter.ts';
import { forEachConcurrently } from '../../transfer/for-each-concurrently.ts';
import { TransferLanes } from '../../transfer/lanes.ts';
import { Tally } from '../../transfer/tally.ts';
import { DiskThreads } from '../../transfer/upload/disk-threads.ts';
import { type LocalFile, type WalkOptions, walkLocalFiles } from '../../transfer/upload/local-files.ts';
import { RemoteFolders } from '../../transfer/upload/remote-folders.ts';
import { serializeByName } from '../../transfer/upload/serialize-by-name.ts';
import { openStandardInput, STANDARD_INPUT } from '../../transfer/upload/standard-input.ts';
import { UploadFolder } from '../../transfer/upload/upload-folder.ts';
import { type UploadRun, uploadOne } from '../../transfer/upload/upload-one.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';
import { addFilterOptions, addTransferOptions, parseParallel, type TransferOptions } from './transfer-options.ts';

/** Maximum number of files that are being compared or waiting to be sent. */
const MAX_COMPARED = 256;

interface UploadOptions extends TransferOptions {
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
    .argument('<path...>', 'files, or folders with --recursive, or - for standard input');
  command
    .description('upload files in parallel parts, and resume interrupted uploads')
    .option('--to <remote-folder>', 'folder on the server: path from the root folder, or ID', '/')
    .option('-r, --recursive', 'upload folders with everything in them')
    .option(
      '--parallel <number>',
      'maximum concurrent requests, 1 to 8; the actual number is adjusted to the connection',
      parseParallel,
    )
    .addOption(
      new Option('--conflict <what>', 'what to do if the name is taken')
        .choices(['fail', 'rename', 'version'] satisfies ConflictPolicy[])
        .default('fail'),
    )
    .option('--name <name>', 'name of the file on the server')
    .option('--size <size>', 'size of standard input, such as 123456 or 4GiB, to send it as it arrives', parseSize);
  const getFilter = addFilterOptions(addTransferOptions(command));
  addExamples(command, [
    ['partway upload big.bin', 'Upload a file into the root folder'],
    ['partway upload notes.txt --to / --name "notes of today.txt"', 'Upload a file under another name'],
    ['partway upload photos --recursive --exclude "*.tmp"', 'Upload a folder, without some files'],
    ['tar -c photos | partway upload - --name photos.tar', 'Upload the output of another command'],
  ]);
  remoteCommand(command, (call) => uploadAll(call, command.opts<UploadOptions>(), getFilter()));
}

async function uploadAll(
  { client, args, json, serverFlags, notices }: RemoteCall,
  options: UploadOptions,
  filter: Filter,
): Promise<void> {
  const { to, recursive = false, parallel, conflict, filesParallel } = options;
  checkArguments(args, options);
  const verbosity = parseVerbosity(options);
  await assertNoRemotePath(args);
  const target = await getItem(client, to, 'folder', () => {
    return `Create it first: partway mkdir -p ${quoteForShell(`/${splitPath(to).join('/')}`)}${serverFlags}`;
  });
  // The ID of the root folder is known without a request, so the server has not been contacted yet.
  if (target.id === ROOT.id) await assertReachable(client);
  const isPiped = args[0] === STANDARD_INPUT;
  using stop = handleInterrupts(isPiped ? 'Run the same command again with the same input to resume.' : undefined);
  const isMultiple = recursive || args.length > 1;
  using report = await openReport({ json, verbosity, showsPresent: verbosity === 'verbose' || !isMultiple });
  notices.print = report.notice;
  notices.printsAll = verbosity === 'verbose';
  using disk = new DiskThreads();
  const { signal } = stop;
  const renames = conflict === 'rename';
  const folders = new RemoteFolders(client, target.id, { signal, renames });
  const tally = new Tally();
  const lanes = new TransferLanes(filesParallel);
  const run = { client, folders, conflict, parallel, signal, report, tally, lanes, claimedIds: new Set<string>() };
  const walkOptions = { recursive, renames, disk, filter, name: options.name };
  if (isPiped) await uploadInput(run, options);
  else {
    if (isMultiple) report.expect(() => countFiles(args, walkOptions, signal));
    await forEachConcurrently(
      walkFiles(run, args, walkOptions),
      { max: MAX_COMPARED },
      createUploader(run, options),
      signal,
    );
  }
  if (tally.count > 1 || json) tally.summarize(report, { verb: 'uploaded', interrupted: stop.signal.aborted });
  process.exitCode = tally.exitCode;
  if (stop.signal.aborted) throw stop.signal.reason;
}

/**
 * Checks that the server responds. An upload waits minutes for a server that is down, but if it has never responded, the
 * address is probably wrong.
 */
async function assertReachable(client: NodeClient): Promise<void> {
  await client.users.getUserMe({ queryParams: { fields: ['name'] } }).catch((error: unknown) => {
    // An error response is a response, and the token may be valid only for uploads.
    if (error instanceof TransportError) throw error;
  });
}

/** `partway upload FILE /folder` is what users of `cp` and `scp` type. @throws Failure if the last path looks like this. */
async function assertNoRemotePath(args: readonly string[]): Promise<void> {
  const last = args.at(-1) ?? '';
  if (args.length < 2 || !last.startsWith('/')) return;
  const isMissing = await stat(last).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
  if (!isMissing) return;
  const folder = quoteForShell(last);
  throw new Failure(EXIT.usage, `There is no local ${folder}. For a folder on the server, write: --to ${folder}`);
}

function checkArguments(args: readonly string[], { recursive, name, size }: UploadOptions): void {
  const fail = (message: string) => {
    throw new Failure(EXIT.usage, message);
  };
  if (!args.includes(STANDARD_INPUT)) {
    if (name !== undefined && (args.length > 1 || recursive)) fail('--name can only be used with a single file.');
    if (size !== undefined) fail('--size is only for standard input: COMMAND | partway upload - --name NAME');
    return;
  }
  if (args.length > 1 || recursive) {
    fail('Standard input (-) cannot be combined with other paths or --recursive. For a file with this name, use ./-');
  }
  if (name === undefined) fail('Standard input has no name. Set one with --name.');
}

async function uploadInput(run: UploadRun, { name = '', size }: UploadOptions): Promise<void> {
  try {
    await using file = await openStandardInput({ name, size, signal: run.signal });
    await uploadOne(run, file, name);
  } catch (error) {
    run.tally.recordFailure(error, run.report.begin({ label: name, path: STANDARD_INPUT, totalBytes: size ?? 0 }));
  }
}

/** With `rename`, files that may get the same name are uploaded one after the other. */
function createUploader(run: UploadRun, options: UploadOptions): (file: LocalFile) => Promise<void> {
  const serialize = serializeByName();
  return (file) => {
    const name = options.name ?? file.name;
    const upload = () => uploadOne(run, file, name);
    return run.conflict === 'rename' ? serialize(file.folder, name, upload) : upload();
  };
}

/** Yields the files, and creates their folders on the way, including empty ones. */
async function* walkFiles(
  { folders, report, tally }: UploadRun,
  paths: readonly string[],
  walkOptions: WalkOptions,
): AsyncGenerator<LocalFile> {
  const reportError = (label: string, error: unknown) =>
    tally.recordFailure(error, report.begin({ label, totalBytes: 0 }));
  for await (const found of walkLocalFiles(paths, new UploadFolder(), walkOptions)) {
    if (found.kind === 'file') yield found.file;
    else if (found.kind === 'folder') {
      // If files are selected, folders without such files are not created.
      if (walkOptions.filter.isEmpty)
        await folders.ensure(found.folder).catch((error) => reportError(found.path, error));
    } else if (found.kind === 'error') reportError(found.path, found.error);
    else report.notice(`Skipped ${escapeControl(found.path)}: ${found.why}.`, { path: found.path, why: found.why });
  }
}

async function countFiles(paths: readonly string[], walkOptions: WalkOptions, signal: AbortSignal): Promise<Total> {
  const total = { files: 0, bytes: 0 };
  for await (const found of walkLocalFiles(paths, new UploadFolder(), walkOptions)) {
    signal.throwIfAborted();
    if (found.kind !== 'file') continue;
    total.files += 1;
    total.bytes += found.file.size;
  }
  return total;
}

function parseSize(text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('Use a size such as 123456 or 4GiB.');
}
