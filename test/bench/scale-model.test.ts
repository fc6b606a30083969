import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fillIn } from '../../bench/scale/document.ts';
import { amount, bytes, duration } from '../../bench/scale/say.ts';
import { scaleTables } from '../../bench/scale/tables.ts';

const DOCUMENT = fileURLToPath(new URL('../../docs/operate/scale.md', import.meta.url));

test('the tables of docs/operate/scale.md match the model', () => {
  const document = readFileSync(DOCUMENT, 'utf8');
  assert.equal(document, fillIn(document, scaleTables()), 'run node bench/scale-model.ts --write');
});

test('a table without a place in the document is an error, and a place without a table too', () => {
  assert.throws(() => fillIn('nothing here', { load: '' }), /no place for load/);
  assert.throws(() => fillIn('<!-- model:other -->\n<!-- /model -->', {}), /no table "other"/);
});

test('figures of the model have two digits and a suitable unit', () => {
  assert.equal(bytes(1_234_567), '1.2 MB');
  assert.equal(bytes(999_999), '1 MB');
  assert.equal(bytes(12), '12 bytes');
  assert.equal(amount(12_345), '12,000');
  assert.equal(amount(0.0512), '0.051');
  assert.equal(duration(7), '7 s');
  assert.equal(duration(5_400), '1.5 h');
});
