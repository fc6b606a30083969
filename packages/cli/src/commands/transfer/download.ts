import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { parseVerbosity } from '../../output/report-options.ts';
import { openReport } from '../../output/reports.ts';
import { escapeControl } from '../../output/text.ts';
import { handleInterrupts, restoreUmask } from '../../process.ts';
import { hasGlob } from '../../remote/globs.ts';
import { countRemoteFiles } from '../../transfer/download/count-files.ts';
import { type DownloadRun, downloadOne } from '../../transfer/download/download-one.ts';
import { LocalPaths } from '../../transfer/download/local-paths.ts';
import { isExistingFolder } from '../../transfer/download/local-target.ts';
import { type DownloadWalk, type RemoteFile, walkRemoteFiles } from '../../transfer/download/remote-files.ts';
import { printFiles, STANDARD_OUTPUT } from '../../transfer/download/standard-output.ts';
import { type Filter, RuleFilter } from '../../transfer/filter/filter.ts';
import { runConcurrently } from '../../transfer/lanes.ts';
import { Tally } from '../../transfer/tally.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';
import { addFilterOptions, addTransferOptions, type TransferOptions } from './transfer-options.ts';

interface DownloadOptions extends TransferOptions {
  to?: string;
  recursive?: boolean;
  fileVersion?: string;
  force?: boolean;
}

/** `partway download` */
export function addDownloadCommand(program: Command): void {
  const command = program
    .command('download')
    .argument('<remote-path...>', 'files, or folders with --recursive: paths from the root folder, globs, or IDs');
  command
    .description('download files and folders, and resume interrupted downloads')
    .option('--to <path>', 'local folder, local name of the file, or - for stdout (default: the current folder)')
    .option('-r, --recursive', 'download folders with everything in them')
    .option('--file-version <id>', 'ID of an earlier version')
    .option('--force', 'overwrite existing files that differ');
  const getFilter = addFilterOptions(addTransferOptions(command));
  addExamples(command, [
    ['partway download /big.bin --to copy.bin', 'Download a file under another name'],
    ['partway download /photos --recursive --to restored', 'Download a folder into the local folder restored'],
    ['partway download /photos --recursive --to pictures --include "*.jpg"', 'Download only the pictures in a folder'],
  ]);
  remoteCommand(command, (call) => downloadAll(call, command.opts<DownloadOptions>(), getFilter()));
}

/** Downloads the files of `call.args`, and reports them. */
export async function downloadAll(
  { client, args, json, notices }: RemoteCall,
  options: DownloadOptions,
  filter: Filter = new RuleFilter([]),
): Promise<void> {
  const { to, recursive = false, fileVersion: version, force = false, filesParallel: maxSmall } = options;
  await checkArguments(args, options);
  if (to === STANDARD_OUTPUT) return printFiles({ client, args, notices }, version);
  const verbosity = parseVerbosity(options);
  restoreUmask();
  using stop = handleInterrupts();
  const { signal } = stop;
  const isMultiple = mayBeMultiple(args, options);
  using report = await openReport({ json, verbosity, showsPresent: verbosity === 'verbose' || !isMultiple });
  notices.print = report.notice;
  notices.printsAll = verbosity === 'verbose';
  const tally = new Tally();
  const run = {
    client,
    to,
    version,
    recursive,
    filter,
    force,
    signal,
    report,
    tally,
    localPaths: new LocalPaths(),
  };
  if (isMultiple) report.expect(() => countRemoteFiles(run, args));
  await runConcurrently(walkFiles(run, args), (file) => downloadOne(run, file), { signal, maxSmall });
  if (tally.count > 1 || json) tally.summarize(report, { verb: 'downloaded', interrupted: stop.signal.aborted });
  process.exitCode = tally.exitCode;
  if (stop.signal.aborted) throw stop.signal.reason;
}

function mayBeMultiple(args: readonly string[], { recursive = false }: { recursive?: boolean | undefined }): boolean {
  return recursive || args.length > 1 || args.some(hasGlob);
}

async function checkArguments(args: readonly string[], { to, recursive, fileVersion }: DownloadOptions): Promise<void> {
  const isMultiple = mayBeMultiple(args, { recursive });
  if (fileVersion !== undefined && isMultiple)
    throw new Failure(EXIT.usage, '--file-version can only be used with a single file.');
  if (to === STANDARD_OUTPUT && recursive === true) {
    throw new Failure(EXIT.usage, 'Folders cannot go to standard output. For a folder with this name, use --to ./-');
  }
  if (to !== undefined && to !== STANDARD_OUTPUT && isMultiple && !recursive && !(await isExistingFolder(to))) {
    throw new Failure(EXIT.usage, `Several files need a folder, and ${escapeControl(to)} is not one. Create it first.`);
  }
}

async function* walkFiles(run: DownloadWalk & DownloadRun, paths: readonly string[]): AsyncGenerator<RemoteFile> {
  const { report, tally } = run;
  for await (const found of walkRemoteFiles(run, paths)) {
    if (found.kind === 'file') yield found.file;
    else if (found.kind === 'error')
      tally.recordFailure(found.error, report.begin({ label: found.label, totalBytes: 0 }));
    else {
      const { label: path, why } = found;
      report.notice(`Skipped ${escapeControl(path)}: ${why}.`, { path, why });
    }
  }
}
