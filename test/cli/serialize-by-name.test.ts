import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripNumbers } from '../../packages/cli/src/transfer/upload/serialize-by-name.ts';

test('names that differ only in the numbers added by renaming have the same base name', () => {
  for (const [name, base] of [
    ['report.pdf', 'report.pdf'],
    ['report (2).pdf', 'report.pdf'],
    ['report (2) (1).pdf', 'report.pdf'],
    ['report (2)', 'report'],
    ['a.b (2) (3)', 'a.b'],
    ['a (1).b (2)', 'a.b (2)'],
    ['a (1).tar.gz', 'a (1).tar.gz'],
    ['a (x) (1).txt', 'a (x).txt'],
    ['a ().txt', 'a ().txt'],
    ['a(1).txt', 'a(1).txt'],
    [').txt', ').txt'],
    [' (1)', ''],
  ]) {
    assert.equal(stripNumbers(name ?? ''), base);
  }
});
