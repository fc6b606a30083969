import { readFileSync, writeFileSync } from 'node:fs';
import { here } from '../support.ts';

const PATH = 'docs/operate/performance.md';

/** Writes figures to their place in the document, and prints which. */
export function writeFigures(name: string, text: string): void {
  const file = here(`../${PATH}`);
  writeFileSync(file, replaceSection(readFileSync(file, 'utf8'), name, text));
  console.log(`Written to ${PATH}, section ${name}.`);
}

/** Replaces what is between `<!-- bench:NAME -->` and `<!-- /bench -->`. Throws if the document has no such place. */
export function replaceSection(document: string, name: string, text: string): string {
  const start = `<!-- bench:${name} -->\n`;
  const end = '<!-- /bench -->';
  const from = document.indexOf(start);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`The document has no place for ${name}.`);
  return `${document.slice(0, from)}${start}\n${text}\n\n${document.slice(to)}`;
}
