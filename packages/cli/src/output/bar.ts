import cliTruncate from 'cli-truncate';
import { formatBytes, formatDuration } from './quantities.ts';

/** What a progress bar shows. */
export interface BarState {
  label: string;
  doneBytes: number;
  totalBytes: number;
  /** Bytes per second; undefined until it is known. */
  rate: number | undefined;
  /** Milliseconds left; undefined if unknown. */
  left: number | undefined;
  /** Shown instead of rate and time left, such as "waiting 4 s". */
  note?: string | undefined;
}

const BAR_CELLS = 20;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** Renders one line of at most `columns` cells: bar, share, bytes, rate, time left, and the label, which is cut first. */
export function barLine(state: BarState, columns: number): string {
  const { doneBytes, totalBytes, rate, left, note, label } = state;
  const share = totalBytes === 0 ? 1 : Math.min(doneBytes / totalBytes, 1);
  // Rounded down: 100 % means that everything is done.
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const bytes = `${formatBytes(doneBytes)}/${formatBytes(totalBytes)}`.padStart(19);
  const speed = rate === undefined ? '' : `${formatBytes(rate)}/s`;
  const pace = note ?? `${speed.padStart(11)} ${(left === undefined ? '' : formatDuration(left)).padStart(7)}`;
  return cliTruncate(`${bar(share)}${percent} ${bytes} ${pace}  ${label}`, Math.max(columns - 1, 20));
}

function bar(share: number): string {
  const eighths = Math.floor(share * BAR_CELLS * 8);
  const full = Math.floor(eighths / 8);
  const filled = '█'.repeat(full) + (EIGHTHS[eighths % 8] ?? '');
  return `▕${filled.padEnd(BAR_CELLS)}▏`;
}
