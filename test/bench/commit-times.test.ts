import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderCommitTimes } from '../../bench/commit-time/report.ts';
import { percentile } from '../../bench/support.ts';

test('a percentile is the smallest value that is not below that share of all values', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(percentile(values, 0.99), 99);
  assert.equal(percentile([3, 1, 2], 0.99), 3);
  assert.equal(percentile([], 0.5), Number.NaN);
});

test('commit times are shown as a distribution', () => {
  const millis = Array.from({ length: 200 }, (_, index) => index + 1);
  assert.match(
    renderCommitTimes([{ place: 'disk', gib: 1, millis }]),
    /\| disk +\| 1 GiB \| +200 \| +100\.5 \| +198\.0 \| +200\.0 \|/,
  );
});
