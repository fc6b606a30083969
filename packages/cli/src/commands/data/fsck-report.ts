import { styleText } from 'node:util';
import type { Finding } from '@partway/server/fsck/findings';
import type { FsckResult } from '@partway/server/fsck/fsck';
import { barLine } from '../../output/bar.ts';
import { printJson } from '../../output/json.ts';
import { wrapText } from '../../output/lines.ts';
import { type LiveLines, liveLines } from '../../output/live-lines.ts';
import { Meter } from '../../output/meter.ts';
import { formatBytes } from '../../output/quantities.ts';
import { canRedraw } from '../../output/terminal.ts';
import { escapeControl } from '../../output/text.ts';

/** Reports the progress of a check and its findings. */
export interface FsckReport extends Disposable {
  begin(totalBytes: number): void;
  read(bytes: number): void;
  finding(finding: Finding): void;
  end(checked: FsckResult): void;
}

/** Prints sentences, with a progress bar on a terminal. With `json`, prints one object per line. */
export function fsckReport({ json, repair }: { json: boolean; repair: boolean }): FsckReport {
  const findings = { all: 0, repaired: 0, repairable: 0 };
  const progress = { doneBytes: 0, totalBytes: 0 };
  let meter = new Meter(0);
  let live: LiveLines | undefined;
  const print = (line: string) =>
    live === undefined ? console.log(line) : live.print(wrapText(line, process.stdout.columns));

  return {
    begin(totalBytes) {
      progress.totalBytes = totalBytes;
      meter = new Meter(totalBytes);
      if (json || !canRedraw(process.stdout)) return;
      live = liveLines(process.stdout, (columns) => [
        barLine({ ...progress, ...meter.read(), label: 'verifying' }, columns),
      ]);
    },
    read(bytes) {
      progress.doneBytes += bytes;
      meter.sample(progress.doneBytes);
    },
    finding(finding) {
      findings.all += 1;
      if (finding.repaired === true) findings.repaired += 1;
      else if (finding.repairable) findings.repairable += 1;
      if (json) printJson({ event: 'finding', ...finding });
      else print(renderFinding(finding));
    },
    end(checked) {
      live?.[Symbol.dispose]();
      live = undefined;
      if (json) {
        const { skippedParts: skipped_parts, skippedBlobs: skipped_blobs, ...counts } = checked;
        const { all, repaired } = findings;
        printJson({ event: 'summary', findings: all, repaired, ...counts, skipped_parts, skipped_blobs });
      } else console.log(renderSummary(checked, findings, repair));
    },
    [Symbol.dispose]: () => live?.[Symbol.dispose](),
  };
}

function renderFinding({ kind, message, repaired, repairable }: Finding): string {
  const [label, color] =
    repaired === true
      ? (['fixed', 'green'] as const)
      : repairable
        ? (['error', 'yellow'] as const)
        : (['DAMAGE', 'red'] as const);
  return `${styleText(color, label.padEnd(6))}  ${kind}: ${escapeControl(message)}`;
}

function renderSummary(
  checked: FsckResult,
  findings: { all: number; repaired: number; repairable: number },
  repair: boolean,
): string {
  const { blobs, parts, skippedParts, skippedBlobs, bytes } = checked;
  const lines = [`Verified ${blobs} blobs and ${parts} parts of open uploads, ${formatBytes(bytes)} in total.`];
  if (skippedParts > 0) lines.push(`Skipped ${skippedParts} parts that cannot be read before their commit.`);
  if (skippedBlobs > 0) lines.push(`Skipped ${skippedBlobs} recent blobs that are not in the database yet.`);
  if (findings.all === 0) lines.push('No problems found.');
  else {
    const remaining = findings.all - findings.repaired;
    lines.push(`Problems found: ${findings.all}, repaired: ${findings.repaired}, remaining: ${remaining}.`);
    if (!repair && findings.repairable > 0) {
      lines.push(`To repair ${findings.repairable} of them, stop the server and run partway fsck --repair.`);
    }
  }
  return lines.join('\n');
}
