import { escapeControl } from '../../output/text.ts';
import type { TransferReport } from '../../output/transfer-report.ts';
import { runConcurrently } from '../lanes.ts';
import { NameConflictError } from '../name-conflict-error.ts';
import type { Tally } from '../tally.ts';
import type { Deletion, SyncPlan, Transfer } from './plan.ts';

/** The folder that a sync changes. */
export interface Destination {
  /** What happens to deleted items, for people. */
  readonly removal: string;
  /** Creates a folder with its parents. */
  createFolder(path: string): Promise<void>;
  /** Transfers a file and reports it, also if it fails. */
  send(transfer: Transfer): Promise<void>;
  /** Deletes an item with everything in it. */
  remove(deletion: Deletion): Promise<void>;
  /** Makes room for what comes in the place of an item. */
  putAside(deletion: Deletion): Promise<void>;
  /** Undoes `putAside`, if possible. */
  putBack(deletion: Deletion): Promise<void>;
}

export interface SyncRun {
  signal: AbortSignal;
  report: TransferReport;
  tally: Tally;
  filesParallel: number | undefined;
  /** Whether empty folders are created. */
  createsFolders: boolean;
}

/** Carries out a plan. Nothing is deleted unless everything before has succeeded. */
export async function carryOut(plan: SyncPlan, destination: Destination, run: SyncRun): Promise<void> {
  const { report, tally, signal } = run;
  for (const { source, destination: old } of plan.conflicts) {
    const error = new NameConflictError(
      `This is a ${source.kind} in the source, and ${describeKind(old.kind)} in the destination. ${
        old.kind === 'other' ? 'Move it first.' : 'Move it first, or replace it with --delete.'
      }`,
      false,
    );
    tally.recordFailure(error, report.begin({ label: source.path, totalBytes: 0 }));
  }
  await transferAll(plan.transfers, destination, run);
  signal.throwIfAborted();
  if (plan.deletions.length === 0) return;
  if (tally.failed > 0) {
    report.notice('Nothing was deleted, because not everything else succeeded.', { event: 'nothing_deleted' });
    return;
  }
  for (const deletion of plan.deletions.filter(({ isReplaced }) => !isReplaced)) {
    signal.throwIfAborted();
    await removeOne(deletion, destination, run);
  }
  if (tally.failed === 0) await replaceAll(plan, destination, run);
}

/** Replaces items by items of another kind. The old ones are deleted only when the new ones are complete. */
async function replaceAll(plan: SyncPlan, destination: Destination, run: SyncRun): Promise<void> {
  const { report, tally, signal } = run;
  const replaced = plan.deletions.filter(({ isReplaced }) => isReplaced);
  const attempt = (task: Promise<void>, { entry }: Deletion) =>
    task.catch((error) => tally.recordFailure(error, report.begin({ label: entry.path, totalBytes: 0 })));
  for (const deletion of replaced) await attempt(destination.putAside(deletion), deletion);
  if (tally.failed === 0) await transferAll(plan.lateTransfers, destination, run);
  const isComplete = tally.failed === 0 && !signal.aborted;
  for (const deletion of replaced) {
    if (isComplete) await removeOne(deletion, destination, run);
    else await attempt(destination.putBack(deletion), deletion);
  }
}

function describeKind(kind: string): string {
  return kind === 'other' ? 'something that is not replaced, such as a symbolic link,' : `a ${kind}`;
}

async function transferAll(transfers: readonly Transfer[], destination: Destination, run: SyncRun): Promise<void> {
  const { report, tally, signal, filesParallel: maxSmall } = run;
  for (const { source } of transfers) {
    if (source.kind !== 'folder' || !run.createsFolders || signal.aborted) continue;
    await destination
      .createFolder(source.path)
      .catch((error) => tally.recordFailure(error, report.begin({ label: source.path, totalBytes: 0 })));
  }
  await runConcurrently(iterateFiles(transfers), ({ transfer }) => destination.send(transfer), { signal, maxSmall });
}

async function* iterateFiles(transfers: readonly Transfer[]) {
  for (const transfer of transfers) {
    if (transfer.source.kind === 'file') yield { size: transfer.source.size, transfer };
  }
}

async function removeOne(deletion: Deletion, destination: Destination, { report, tally }: SyncRun): Promise<void> {
  const { path } = deletion.entry;
  const items = 1 + deletion.contents.length;
  const running = report.begin({ label: path, totalBytes: 0 });
  try {
    await destination.remove(deletion);
    tally.deleted += items;
    const more = items === 1 ? '' : `, with ${items - 1} items in it`;
    running.end({ kind: 'deleted', message: escapeControl(destination.removal + more), fields: { items } });
  } catch (error) {
    tally.recordFailure(error, running);
  }
}
