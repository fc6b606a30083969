/**
 * The tables of docs/operate/scale.md, from what was measured (scale/measured.ts) and what is assumed (scale/assumptions.ts).
 *
 *   node bench/scale-model.ts            prints them
 *   node bench/scale-model.ts --write    puts them into the document; a test holds that they are those
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fillIn } from './scale/document.ts';
import { scaleTables } from './scale/tables.ts';
import { here } from './support.ts';

const DOCUMENT = here('../docs/operate/scale.md');
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const tables = scaleTables();
for (const [name, table] of Object.entries(tables)) console.log(`${name}\n\n${table}\n`);
if (values.write) writeFileSync(DOCUMENT, fillIn(readFileSync(DOCUMENT, 'utf8'), tables));
