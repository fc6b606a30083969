import { styleText } from 'node:util';
import type { Finding } from '@partway/server/fsck/findings';
import type { FsckResult } from '@partway/server/fsck/fsck';
import { barLine } from '../../output/bar.ts';
import { printJson } from '../../output/json.ts';
import { type LiveLines, liveLines } from '../../output/live-lines.ts';
import { Meter } from '../../output/meter.ts';
import { formatBytes } from '../../output/quantities.ts';
import { isTerminal } from '../../output/terminal.ts';
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
  const findings = { all: 0, mended: 0, mendable: 0 };
  const progress = { doneBytes: 0, totalBytes: 0 };
  let meter = new Meter(0);
  let live: LiveLines | undefined;
  const print = (line: string) => (live === undefined ? console.log(line) : live.print(line));

  return {
    begin(totalBytes) {
      progress.totalBytes = totalBytes;
      meter = new Meter(totalBytes);
      if (json || !isTerminal(process.stdout)) return;
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
      if (finding.mended === true) findings.mended += 1;
      else if (finding.mendable) findings.mendable += 1;
      if (json) printJson({ event: 'finding', ...finding });
      else print(renderFinding(finding));
    },
    end(checked) {
      live?.[Symbol.dispose]();
      live = undefined;
      if (json) {
        const { partsOutOfReach: parts_out_of_reach, ...counts } = checked;
        const { all, mended } = findings;
        printJson({ event: 'summary', findings: all, mended, ...counts, parts_out_of_reach });
      } else console.log(renderSummary(checked, findings, repair));
    },
    [Symbol.dispose]: () => live?.[Symbol.dispose](),
  };
}

function renderFinding({ kind, message, mended, mendable }: Finding): string {
  const [label, color] =
    mended === true
      ? (['fixed', 'green'] as const)
      : mendable
        ? (['error', 'yellow'] as const)
        : (['DAMAGE', 'red'] as const);
  return `${styleText(color, label.padEnd(6))}  ${kind}: ${escapeControl(message)}`;
}

function renderSummary(
  checked: FsckResult,
  findings: { all: number; mended: number; mendable: number },
  repair: boolean,
): string {
  const { contents, parts, partsOutOfReach, young, bytes } = checked;
  const lines = [`Verified ${contents} blobs and ${parts} parts of open uploads, ${formatBytes(bytes)} in total.`];
  if (partsOutOfReach > 0) lines.push(`Skipped ${partsOutOfReach} parts that cannot be read before their commit.`);
  if (young > 0) lines.push(`Skipped ${young} recent blobs that are not in the database yet.`);
  if (findings.all === 0) lines.push('No problems found.');
  else {
    const remaining = findings.all - findings.mended;
    lines.push(`Problems found: ${findings.all}, repaired: ${findings.mended}, remaining: ${remaining}.`);
    if (!repair && findings.mendable > 0) {
      lines.push(`To repair ${findings.mendable} of them, stop the server and run partway fsck --repair.`);
    }
  }
  return lines.join('\n');
}
