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

/** Tells how a check goes, and what it finds. */
export interface FsckReport extends Disposable {
  begin(totalBytes: number): void;
  read(bytes: number): void;
  finding(finding: Finding): void;
  end(checked: FsckResult): void;
}

/** On a terminal a bar and sentences, in a pipe sentences, with `json` one object a line. */
export function fsckReport({ json, repair }: { json: boolean; repair: boolean }): FsckReport {
  const findings = { all: 0, mended: 0, mendable: 0 };
  const standing = { doneBytes: 0, totalBytes: 0 };
  let meter = new Meter(0);
  let live: LiveLines | undefined;
  const say = (line: string) => (live === undefined ? console.log(line) : live.keep(line));

  return {
    begin(totalBytes) {
      standing.totalBytes = totalBytes;
      meter = new Meter(totalBytes);
      if (json || !isTerminal(process.stdout)) return;
      live = liveLines(process.stdout, (columns) => [
        barLine({ ...standing, ...meter.read(), label: 'reading' }, columns),
      ]);
    },
    read(bytes) {
      standing.doneBytes += bytes;
      meter.sample(standing.doneBytes);
    },
    finding(finding) {
      findings.all += 1;
      if (finding.mended === true) findings.mended += 1;
      else if (finding.mendable) findings.mendable += 1;
      if (json) printJson({ event: 'finding', ...finding });
      else say(sentence(finding));
    },
    end(checked) {
      live?.[Symbol.dispose]();
      live = undefined;
      if (json) {
        const { partsOutOfReach: parts_out_of_reach, ...counts } = checked;
        const { all, mended } = findings;
        printJson({ event: 'summary', findings: all, mended, ...counts, parts_out_of_reach });
      } else console.log(summary(checked, findings, repair));
    },
    [Symbol.dispose]: () => live?.[Symbol.dispose](),
  };
}

function sentence({ kind, message, mended, mendable }: Finding): string {
  const [mark, colour] =
    mended === true
      ? (['mended', 'green'] as const)
      : mendable
        ? (['wrong', 'yellow'] as const)
        : (['DAMAGE', 'red'] as const);
  return `${styleText(colour, mark.padEnd(6))}  ${kind}: ${escapeControl(message)}`;
}

function summary(
  checked: FsckResult,
  findings: { all: number; mended: number; mendable: number },
  repair: boolean,
): string {
  const { contents, parts, partsOutOfReach, young, bytes } = checked;
  const lines = [`Read ${contents} contents and ${parts} parts of open uploads, ${formatBytes(bytes)} in all.`];
  if (partsOutOfReach > 0)
    lines.push(`${partsOutOfReach} parts lie where they cannot be read back before they are a file.`);
  if (young > 0) lines.push(`${young} contents have no row yet and are younger than the grace: left alone.`);
  if (findings.all === 0) lines.push('Everything is as it should be.');
  else {
    const left = findings.all - findings.mended;
    lines.push(`${findings.all} found wrong, ${findings.mended} mended, ${left} left.`);
    if (!repair && findings.mendable > 0) {
      lines.push(`partway fsck --repair mends ${findings.mendable} of them, with the server stopped.`);
    }
  }
  return lines.join('\n');
}
