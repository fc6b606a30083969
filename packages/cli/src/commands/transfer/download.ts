import type { NodeClient } from '@partway/client/node/index';
import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { openReport } from '../../output/reports.ts';
import { escapeControl } from '../../output/text.ts';
import { interrupts, writeAsUsual } from '../../process.ts';
import { getItem } from '../../remote/find-item.ts';
import { type DownloadRun, downloadOne } from '../../transfer/download/download-one.ts';
import { TakenPaths } from '../../transfer/download/local-claims.ts';
import { isExistingFolder } from '../../transfer/download/local-target.ts';
import { type Places, type RemoteFile, remoteFiles } from '../../transfer/download/remote-files.ts';
import { runConcurrently } from '../../transfer/lanes.ts';
import { Tally } from '../../transfer/tally.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';

interface DownloadOptions {
  to?: string;
  recursive?: boolean;
  fileVersion?: string;
  force?: boolean;
}

/** `partway download` */
export function addDownloadCommand(program: Command): void {
  const command = program
    .command('download')
    .argument('<remote-path...>', 'files, and with --recursive folders: paths from the root folder, or ids');
  command
    .description('fetch files and folders, and go on where an earlier try stopped')
    .option('--to <path>', 'a folder here, or the name of the file; this folder unless set')
    .option('-r, --recursive', 'folders with all that is in them')
    .option('--file-version <id>', 'an earlier version of it, by its id')
    .option('--force', 'replace a file that is there and is another one');
  remoteCommand(command, (call) => downloadAll(call, command.opts<DownloadOptions>()));
}

async function downloadAll({ client, args, json, notices }: RemoteCall, options: DownloadOptions): Promise<void> {
  const { to, recursive = false, fileVersion: version, force = false } = options;
  await checkArguments(args, options);
  writeAsUsual();
  using stop = interrupts();
  using report = await openReport({ json });
  notices.tell = report.notice;
  const tally = new Tally();
  const order = {
    client,
    to,
    version,
    recursive,
    force,
    signal: stop.signal,
    report,
    tally,
    taken: new TakenPaths(),
  };
  if (recursive || args.length > 1) report.expect(() => bytesOf(client, args));
  await runConcurrently(filesIn(order, args), (file) => downloadOne(order, file), stop.signal);
  if (tally.count > 1 || json) tally.summarize(report, { verb: 'downloaded', interrupted: stop.signal.aborted });
  process.exitCode = tally.exitCode;
  if (stop.signal.aborted) throw stop.signal.reason;
}

async function checkArguments(args: readonly string[], { to, recursive, fileVersion }: DownloadOptions): Promise<void> {
  const several = args.length > 1 || recursive === true;
  if (fileVersion !== undefined && several) throw new Failure(EXIT.usage, '--file-version is for a single file.');
  if (to !== undefined && several && !recursive && !(await isExistingFolder(to))) {
    throw new Failure(EXIT.usage, `Several files go into a folder, and ${escapeControl(to)} is none: make it first.`);
  }
}

/** What these files and folders come to, as the server counts it. */
async function bytesOf(client: NodeClient, places: readonly string[]): Promise<number> {
  const options = { queryParams: { fields: ['size'] as const } };
  let bytes = 0;
  for (const place of places) {
    const { type, id } = await getItem(client, place);
    const item = await (type === 'file'
      ? client.files.getFileById(id, options)
      : client.folders.getFolderById(id, options));
    bytes += item.size;
  }
  return bytes;
}

async function* filesIn(order: Places & DownloadRun, places: readonly string[]): AsyncGenerator<RemoteFile> {
  const { report, tally } = order;
  for await (const found of remoteFiles(order, places)) {
    if (found.kind === 'file') yield found.file;
    else if (found.kind === 'trouble') tally.failed(found.error, report.begin({ label: found.label, totalBytes: 0 }));
    else {
      const { label: path, why } = found;
      report.notice(`${escapeControl(path)} is passed over: ${why}.`, { path, why });
    }
  }
}
