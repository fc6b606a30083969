import stringWidth from 'string-width';
import { formatBytes } from './quantities.ts';
import { isTerminal } from './terminal.ts';
import { escapeControl } from './text.ts';

/** A column of a table. Numbers are bytes: scaled and right-aligned for people, plain digits for programs. */
export interface Column<Row> {
  header: string;
  cell: (row: Row) => string | number;
}

/** Prints a table or, on a terminal, `empty` if it has no rows. */
export function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string): void {
  if (rows.length > 0) console.log(renderTable(rows, columns));
  // In a pipe, an empty list has no lines, so that scripts can count them.
  else if (isTerminal(process.stdout)) console.log(empty);
}

const GAP = '  ';

/**
 * Renders rows for the reader of stdout: aligned, with headers and scaled sizes, on a terminal; otherwise one line per row,
 * with tabs between the cells and no headers, so that scripts can count and cut lines. Without rows, returns ''.
 */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { forPeople = isTerminal(process.stdout) } = {},
): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  if (!forPeople) return cells.map((line) => line.map((cell) => escapeControl(String(cell))).join('\t')).join('\n');
  const isNumber = columns.map((_, index) => cells.some((line) => typeof line[index] === 'number'));
  const lines = [columns.map(({ header }) => header), ...cells.map((line) => line.map(renderCell))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => stringWidth(line[index] ?? ''))));
  const renderLine = (line: readonly string[]) =>
    line.map((cell, index) => pad(cell, widths[index] ?? 0, isNumber[index] === true)).join(GAP);
  return lines.map((line) => renderLine(line).trimEnd()).join('\n');
}

function renderCell(cell: string | number): string {
  return typeof cell === 'number' ? formatBytes(cell) : escapeControl(cell);
}

function pad(cell: string, width: number, alignRight: boolean): string {
  const space = ' '.repeat(width - stringWidth(cell));
  return alignRight ? space + cell : cell + space;
}
