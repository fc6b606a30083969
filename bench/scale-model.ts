/**
 * Computes the tables of docs/operate/scale.md from measurements (scale/measured.ts) and assumptions (scale/assumptions.ts).
 *
 *   node bench/scale-model.ts            prints them
 *   node bench/scale-model.ts --write    writes them to the document; a test checks that they are current
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
