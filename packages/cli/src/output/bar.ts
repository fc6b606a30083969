import cliTruncate from 'cli-truncate';
import { formatBytes, formatDuration } from './quantities.ts';

/** How far something has come. */
export interface Standing {
  label: string;
  doneBytes: number;
  totalBytes: number;
  /** Bytes a second; undefined while there is nothing to tell it by. */
  rate: number | undefined;
  /** Milliseconds left; undefined where nobody can know. */
  left: number | undefined;
  /** Said in place of rate and time left, such as "waiting 4 s". */
  note?: string | undefined;
}

const BAR_CELLS = 20;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** One line of at most `columns` cells: bar, share, bytes, rate, time left, and the label, which is cut first. */
export function barLine(standing: Standing, columns: number): string {
  const { doneBytes, totalBytes, rate, left, note, label } = standing;
  const share = totalBytes === 0 ? 1 : Math.min(doneBytes / totalBytes, 1);
  // Rounded down: 100 % means that all of it is there.
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const bytes = `${formatBytes(doneBytes)}/${formatBytes(totalBytes)}`.padStart(19);
  const speed = rate === undefined ? '' : `${formatBytes(rate)}/s`;
  const pace = note ?? `${speed.padStart(11)} ${(left === undefined ? '' : formatDuration(left)).padStart(7)}`;
  return cliTruncate(`${bar(share)}${percent} ${bytes} ${pace}  ${label}`, Math.max(columns - 1, 20));
}

function bar(share: number): string {
  const eighths = Math.floor(share * BAR_CELLS * 8);
  const whole = Math.floor(eighths / 8);
  const filled = '█'.repeat(whole) + (EIGHTHS[eighths % 8] ?? '');
  return `▕${filled.padEnd(BAR_CELLS)}▏`;
}
