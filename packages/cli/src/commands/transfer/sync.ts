import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { parseVerbosity } from '../../output/report-options.ts';
import { openReport } from '../../output/reports.ts';
import { escapeControl } from '../../output/text.ts';
import { handleInterrupts, restoreUmask } from '../../process.ts';
import { ensurePath } from '../../remote/ensure-folder.ts';
import { splitPath } from '../../remote/paths.ts';
import type { Filter } from '../../transfer/filter/filter.ts';
import { compareTrees } from '../../transfer/sync/compare-trees.ts';
import { carryOut, type Destination } from '../../transfer/sync/destination.ts';
import {
  type FolderContents,
  type FolderPair,
  type PairOptions,
  type PairRead,
  parseFolderPair,
  readFolderPair,
} from '../../transfer/sync/folder-pair.ts';
import { LocalDestination } from '../../transfer/sync/local-destination.ts';
import { countDeletions, planSync, type SyncPlan } from '../../transfer/sync/plan.ts';
import { RemoteDestination } from '../../transfer/sync/remote-destination.ts';
import { Tally } from '../../transfer/tally.ts';
import { DiskThreads } from '../../transfer/upload/disk-threads.ts';
import { addExamples } from '../examples.ts';
import { parseWholeNumber } from '../parse-number.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';
import { printPlan } from './print-plan.ts';
import { addFilterOptions, addTransferOptions, parseParallel, type TransferOptions } from './transfer-options.ts';

interface SyncOptions extends TransferOptions, PairOptions {
  delete?: boolean;
  maxDelete?: number;
  dryRun?: boolean;
  parallel?: number;
}

/** `partway sync` */
export function addSyncCommand(program: Command): void {
  const command = program.command('sync').argument('<local-folder>', 'the local folder');
  command
    .description('make a folder on the server like a local one, or the reverse')
    .option('--to <remote-folder>', 'upload into this folder on the server, which is created if it does not exist')
    .option('--from <remote-folder>', 'download from this folder on the server')
    .option('--delete', 'also delete what the source does not have: into the trash on the server, for good locally')
    .option(
      '--max-delete <number>',
      'change nothing if more items than this would be deleted',
      parseWholeNumber({ min: 0 }),
    )
    .option('-n, --dry-run', 'print what would happen, and change nothing')
    .option('--parallel <number>', 'maximum concurrent requests for one file, 1 to 8', parseParallel);
  const getFilter = addFilterOptions(addTransferOptions(command));
  addExamples(command, [
    ['partway sync photos --to /backup/photos', 'Upload what is new or different in photos'],
    ['partway sync photos --to /backup/photos --delete --dry-run', 'Show what would be uploaded and deleted'],
    ['partway sync photos --from /backup/photos --delete --max-delete 10', 'Download, and delete up to 10 local items'],
    ['partway sync photos --to /backup/photos --exclude "*.tmp"', 'Ignore some files on both sides'],
  ]);
  remoteCommand(command, (call) => syncFolders(call, command.opts<SyncOptions>(), getFilter()));
}

async function syncFolders(call: RemoteCall, options: SyncOptions, filter: Filter): Promise<void> {
  const { client, args, json, notices } = call;
  const pair = parseFolderPair('sync', args, options);
  if (options.maxDelete !== undefined && !options.delete) {
    throw new Failure(EXIT.usage, '--max-delete is only for --delete.');
  }
  const verbosity = parseVerbosity(options);
  if (!pair.isUpload) restoreUmask();
  using stop = handleInterrupts();
  using disk = new DiskThreads();
  const tally = new Tally();
  {
    using report = await openReport({ json, verbosity, showsPresent: false });
    notices.print = report.notice;
    notices.printsAll = verbosity === 'verbose';
    const read = { client, disk, filter, signal: stop.signal, report, tally };
    const contents = await readFolderPair(pair, read, { createsDestination: true });
    const plan = await createPlan(pair, contents, read, options);
    if (options.dryRun) {
      printPlan(call, canDelete(plan, tally) ? plan : { ...plan, deletions: [], lateTransfers: [] }, pair);
    } else {
      report.expect(async () => sumUp(plan));
      await run(pair, contents, plan, { ...read, options }).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
      tally.summarize(report, { verb: pair.isUpload ? 'uploaded' : 'downloaded', interrupted: stop.signal.aborted });
    }
  }
  process.exitCode = tally.exitCode;
  if (stop.signal.aborted) throw stop.signal.reason;
}

async function createPlan(
  pair: FolderPair,
  { source, destination }: FolderContents,
  { signal, report, tally }: PairRead,
  { delete: deletes = false, maxDelete }: SyncOptions,
): Promise<SyncPlan> {
  const onError = (path: string, error: unknown) =>
    tally.recordFailure(error, report.begin({ label: path, totalBytes: 0 }));
  const comparison = await compareTrees(source, destination, { signal, onError });
  tally.present = comparison.same;
  const plan = planSync(comparison, destination, { deletes });
  const count = canDelete(plan, tally) ? countDeletions(plan.deletions) : 0;
  if (count > (maxDelete ?? Number.POSITIVE_INFINITY)) {
    const message = `${count} items would be deleted, more than the ${maxDelete} of --max-delete. Nothing was changed.`;
    throw new Failure(EXIT.failed, message);
  }
  const hasFiles = [...source.entries.values()].some(({ kind }) => kind === 'file');
  if (count > 0 && !hasFiles && maxDelete === undefined) {
    const name = escapeControl(pair.isUpload ? pair.local : pair.remote);
    const message = `There are no files in ${name}, so ${count} items would be deleted. Nothing was changed.`;
    throw new Failure(EXIT.failed, `${message} If that is intended, add --max-delete ${count}.`);
  }
  return plan;
}

/** With errors or conflicts, nothing is deleted. */
function canDelete({ conflicts }: SyncPlan, { failed }: Tally): boolean {
  return failed + conflicts.length === 0;
}

function sumUp({ transfers, lateTransfers }: SyncPlan) {
  const files = [...transfers, ...lateTransfers].map(({ source }) => source).filter(({ kind }) => kind === 'file');
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

async function run(
  pair: FolderPair,
  contents: FolderContents,
  plan: SyncPlan,
  { options, ...read }: PairRead & { options: SyncOptions },
): Promise<void> {
  const { filter, signal, report, tally } = read;
  const destination = await openDestination(pair, contents, { ...read, options });
  await carryOut(plan, destination, {
    signal,
    report,
    tally,
    filesParallel: options.filesParallel,
    createsFolders: filter.isEmpty,
  });
}

async function openDestination(
  { local, remote, isUpload }: FolderPair,
  { destination: tree, remoteId }: FolderContents,
  { client, signal, report, tally, options }: PairRead & { options: SyncOptions },
): Promise<Destination> {
  const common = { client, signal, report, tally };
  if (!isUpload) return new LocalDestination(common, local, tree);
  const rootId = remoteId ?? (await ensurePath(client, splitPath(remote))).id;
  const { parallel } = options;
  return new RemoteDestination({ ...common, conflict: 'version', parallel, claimedIds: new Set() }, rootId, tree);
}
