import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fillIn } from '../../bench/scale/document.ts';
import { amount, bytes, duration } from '../../bench/scale/say.ts';
import { scaleTables } from '../../bench/scale/tables.ts';

const DOCUMENT = fileURLToPath(new URL('../../docs/operate/scale.md', import.meta.url));

test('the tables of docs/operate/scale.md are those that the model computes', () => {
  const document = readFileSync(DOCUMENT, 'utf8');
  assert.equal(document, fillIn(document, scaleTables()), 'node bench/scale-model.ts --write puts them in');
});

test('a table without a place in the document, and a place without a table, are errors', () => {
  assert.throws(() => fillIn('nothing here', { load: '' }), /no place for load/);
  assert.throws(() => fillIn('<!-- model:other -->\n<!-- /model -->', {}), /no table "other"/);
});

test('figures of the model have two digits and a unit that suits them', () => {
  assert.equal(bytes(1_234_567), '1.2 MB');
  assert.equal(bytes(999_999), '1 MB');
  assert.equal(bytes(12), '12 bytes');
  assert.equal(amount(12_345), '12,000');
  assert.equal(amount(0.0512), '0.051');
  assert.equal(duration(7), '7 s');
  assert.equal(duration(5_400), '1.5 h');
});
