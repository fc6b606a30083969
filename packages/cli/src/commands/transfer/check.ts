import type { Command } from 'commander';
import { EXIT } from '../../exit-codes.ts';
import { printJson } from '../../output/json.ts';
import { formatCount } from '../../output/quantities.ts';
import { openReport } from '../../output/reports.ts';
import { escapeControl } from '../../output/text.ts';
import { handleInterrupts } from '../../process.ts';
import type { Filter } from '../../transfer/filter/filter.ts';
import { type Comparison, compareTrees } from '../../transfer/sync/compare-trees.ts';
import { type FolderPair, type PairOptions, parseFolderPair, readFolderPair } from '../../transfer/sync/folder-pair.ts';
import type { TreeEntry } from '../../transfer/sync/tree.ts';
import { Tally } from '../../transfer/tally.ts';
import { DiskThreads } from '../../transfer/upload/disk-threads.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';
import { addFilterOptions } from './transfer-options.ts';

interface CheckOptions extends PairOptions {
  oneWay?: boolean;
}

/** `partway check` */
export function addCheckCommand(program: Command): void {
  const command = program.command('check').argument('<local-folder>', 'the local folder');
  command
    .description('compare a local folder with one on the server, by size and SHA-1')
    .option('--to <remote-folder>', 'folder on the server to which the local one was uploaded')
    .option('--from <remote-folder>', 'folder on the server from which the local one was downloaded')
    .option('--one-way', 'ignore items that only the destination has: the one on the server with --to');
  const getFilter = addFilterOptions(command);
  addExamples(command, [
    ['partway check photos --to /backup/photos', 'Check that both folders are the same'],
    [
      'partway check photos --to /backup/photos --one-way --include "*.jpg"',
      'Check that all pictures are on the server',
    ],
    ['partway check photos --from /backup/photos --json', 'Print the differences for a program'],
  ]);
  remoteCommand(command, (call) => checkFolders(call, command.opts<CheckOptions>(), getFilter()));
}

async function checkFolders(call: RemoteCall, options: CheckOptions, filter: Filter): Promise<void> {
  const { client, args, json, notices } = call;
  const pair = parseFolderPair('check', args, options);
  using stop = handleInterrupts('Nothing was changed.');
  using disk = new DiskThreads();
  const tally = new Tally();
  using report = await openReport({ json, verbosity: 'normal', showsPresent: false });
  notices.print = report.notice;
  const { signal } = stop;
  const read = { client, disk, filter, signal, report, tally };
  const { source, destination } = await readFolderPair(pair, read, { createsDestination: false });
  const onError = (path: string, error: unknown) =>
    tally.recordFailure(error, report.begin({ label: path, totalBytes: 0 }));
  const comparison = await compareTrees(source, destination, { signal, onError });
  // If files are selected, folders without such files do not matter.
  const counts = filter.isEmpty ? () => true : ({ kind }: TreeEntry) => kind !== 'folder';
  const differences = listDifferences(comparison, pair, { ...options, counts });
  for (const { event, path, text } of differences) call.print({ event, path }, `${text}: ${escapeControl(path)}`);
  const totals = { same: comparison.same, differences: differences.length, failed: tally.failed };
  if (json) printJson({ event: 'summary', ...totals });
  else console.log(renderSummary(totals));
  process.exitCode = tally.failed > 0 ? tally.exitCode : differences.length > 0 ? EXIT.problemsFound : EXIT.success;
}

interface Difference {
  event: 'missing_on_server' | 'missing_locally' | 'differs' | 'different_type';
  path: string;
  text: string;
}

function listDifferences(
  comparison: Comparison,
  { isUpload }: FolderPair,
  { oneWay, counts }: CheckOptions & { counts: (entry: TreeEntry) => boolean },
): Difference[] {
  const { missing, extra, different, otherKind } = comparison;
  const onServer = { event: 'missing_on_server', text: 'missing on the server' } as const;
  const locally = { event: 'missing_locally', text: 'missing locally' } as const;
  const [inDestination, inSource] = isUpload ? [onServer, locally] : [locally, onServer];
  const isLink = ({ source, destination }: (typeof otherKind)[number]) =>
    source.kind === 'other' || destination.kind === 'other';
  return [
    ...missing.filter(counts).map(({ path }) => ({ ...inDestination, path })),
    ...(oneWay ? [] : extra.filter(counts).map(({ path }) => ({ ...inSource, path }))),
    ...different.map(({ source }) => ({ event: 'differs', text: 'differs', path: source.path }) as const),
    ...otherKind.map((pair) => {
      const text = isLink(pair) ? 'a link or device in one place' : 'a file in one place and a folder in the other';
      return { event: 'different_type', text, path: pair.source.path } as const;
    }),
  ];
}

function renderSummary({ same, differences, failed }: Record<'same' | 'differences' | 'failed', number>): string {
  const parts = [
    `${formatCount(same)} ${same === 1 ? 'file is' : 'files are'} identical`,
    `${formatCount(differences)} ${differences === 1 ? 'difference' : 'differences'}`,
  ];
  if (failed > 0) parts.push(`${formatCount(failed)} could not be compared`);
  return `${parts.join('; ')}.`;
}
