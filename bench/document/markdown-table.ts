/** Renders a Markdown table with aligned columns: the first one left-aligned, the others right-aligned. */
export function markdownTable(columns: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = columns.map((column, at) => Math.max(column.length, ...lines.map((line) => (line[at] ?? '').length)));
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [row(columns), rule, ...lines.map(row)].join('\n');
}
