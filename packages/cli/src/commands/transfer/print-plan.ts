import { formatBytes } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import type { FolderPair } from '../../transfer/sync/folder-pair.ts';
import { countDeletions, type SyncPlan, type Transfer } from '../../transfer/sync/plan.ts';
import type { RemoteCall } from '../remote-command.ts';

/** Prints what a sync would do: one line, or one JSON object, for each item. */
export function printPlan({ print }: Pick<RemoteCall, 'print'>, plan: SyncPlan, { isUpload }: FolderPair): void {
  const verb = isUpload ? 'upload' : 'download';
  const printStep = (action: string, path: string, fields: object, detail = '') =>
    print({ event: 'would', action, path, ...fields }, `would ${action} ${escapeControl(path)}${detail}`);
  const printTransfer = ({ source, destination }: Transfer) => {
    const { kind, path, size } = source;
    if (kind === 'folder') printStep('create', path, {}, '/');
    else printStep(destination === undefined ? verb : 'replace', path, { bytes: size }, ` (${formatBytes(size)})`);
  };
  for (const { source } of plan.conflicts) printStep('fail for', source.path, {}, ' (a file and a folder)');
  plan.transfers.forEach(printTransfer);
  for (const { entry, contents } of plan.deletions) {
    const more = contents.length === 0 ? '' : ` (with ${contents.length} items in it)`;
    printStep('delete', entry.path, { items: 1 + contents.length }, more);
  }
  plan.lateTransfers.forEach(printTransfer);
  const transfers = plan.transfers.length + plan.lateTransfers.length;
  const deletions = countDeletions(plan.deletions);
  const isDone = transfers + deletions + plan.conflicts.length === 0;
  print({ event: 'summary', transfers, deletions }, isDone ? 'There is nothing to do.' : 'Nothing was changed.');
}
