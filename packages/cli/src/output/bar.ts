import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';
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
  /** Shown instead of rate and time left, such as "finishing". */
  note?: string | undefined;
  /** The same for a narrow terminal. */
  shortNote?: string | undefined;
}

const MAX_CELLS = 20;
const MIN_CELLS = 5;
/** The two ends of a bar. */
const FRAME = 2;
/** Below this, a label does not tell which file it is. */
const MIN_LABEL = 12;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

const WIDTH = { percent: 4, bytes: 20, rate: 12, left: 8, gap: 2 };
const PACE = WIDTH.rate + WIDTH.left;

/** Renders one line of at most `columns` cells: bar, share, bytes, rate, time left, and the label. */
export function barLine(state: BarState, columns: number): string {
  return barLines([state], columns)[0] ?? '';
}

/**
 * Renders lines that are aligned with each other. On a narrow terminal, first the bars become shorter, then they are
 * omitted, then the labels are cut, then the bytes are omitted. Percentage, rate and time left are the last to go.
 */
export function barLines(states: readonly BarState[], columns: number): string[] {
  const width = Math.max(columns - 1, 1);
  const labelWidth = Math.max(0, ...states.map(({ label }) => stringWidth(label)));
  const layout = fit(width, labelWidth);
  return states.map((state) => renderLine(state, width, layout));
}

interface Layout {
  /** Length of the bar; 0 for none. */
  cells: number;
  hasBytes: boolean;
}

/** Returns the layout with the most in it that leaves room for the labels. */
function fit(width: number, labelWidth: number): Layout {
  const rest = width - WIDTH.percent - PACE - WIDTH.gap;
  const cells = Math.min(rest - WIDTH.bytes - labelWidth - FRAME, MAX_CELLS);
  if (cells >= MIN_CELLS) return { cells, hasBytes: true };
  return { cells: 0, hasBytes: rest - WIDTH.bytes >= Math.min(labelWidth, MIN_LABEL) };
}

function renderLine(state: BarState, width: number, { cells, hasBytes }: Layout): string {
  const { doneBytes, totalBytes, label } = state;
  const share = totalBytes === 0 ? 1 : Math.min(doneBytes / totalBytes, 1);
  // Rounded down: 100 % means that everything is done.
  const percent = `${Math.floor(share * 100)}%`.padStart(WIDTH.percent);
  const bytes = hasBytes ? `${formatBytes(doneBytes)}/${formatBytes(totalBytes)}`.padStart(WIDTH.bytes) : '';
  const room = width - WIDTH.percent - WIDTH.gap - Math.min(stringWidth(label), MIN_LABEL);
  const pace =
    state.note === undefined
      ? bytes + renderPace(state)
      : renderNote(state, bytes, { room, roomBesideBar: room - (cells === 0 ? 0 : cells + FRAME) });
  // A note may leave less room for the bar.
  const line = bar(share, Math.min(cells, room - stringWidth(pace) - FRAME)) + percent + pace;
  const labelWidth = width - stringWidth(line) - WIDTH.gap;
  return labelWidth < 1 ? cliTruncate(line, width) : `${line}  ${cliTruncate(label, labelWidth)}`;
}

function renderPace({ rate, left }: BarState): string {
  const speed = rate === undefined ? '' : `${formatBytes(rate)}/s`;
  return speed.padStart(WIDTH.rate) + (left === undefined ? '' : formatDuration(left)).padStart(WIDTH.left);
}

/** Renders the note, after the bytes if both fit beside the bar. A long note makes the bar shorter. */
function renderNote(
  { note = '', shortNote = note }: BarState,
  bytes: string,
  { room, roomBesideBar }: { room: number; roomBesideBar: number },
): string {
  const withBytes = bytes + ` ${note}`.padEnd(PACE);
  if (stringWidth(withBytes) <= roomBesideBar) return withBytes;
  return stringWidth(note) < room ? ` ${note}` : ` ${shortNote}`;
}

function bar(share: number, cells: number): string {
  if (cells < MIN_CELLS) return '';
  const eighths = Math.floor(share * cells * 8);
  const full = Math.floor(eighths / 8);
  const filled = '█'.repeat(full) + (EIGHTHS[eighths % 8] ?? '');
  return `▕${filled.padEnd(cells)}▏`;
}
