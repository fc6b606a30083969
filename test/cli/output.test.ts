import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partMap } from '../../packages/cli/src/commands/transfer/sessions.ts';
import { barLine } from '../../packages/cli/src/output/bar.ts';
import { Meter } from '../../packages/cli/src/output/meter.ts';
import { formatBytes, formatDuration } from '../../packages/cli/src/output/quantities.ts';
import { escapeControl } from '../../packages/cli/src/output/text.ts';

test('formats bytes and durations for people', () => {
  const texts = [0, 1023, 1024, 1536, 1024 * 1023.9, 25_000_000, 4 * 1024 ** 3, 1024 ** 6].map(formatBytes);
  assert.deepEqual(texts, ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '1.0 MiB', '23.8 MiB', '4.0 GiB', '1024 PiB']);
  assert.deepEqual([0, 7_400, 59_600, 760_000, 3_723_000].map(formatDuration), [
    '0:00',
    '0:07',
    '1:00',
    '12:40',
    '1:02:03',
  ]);
});

test('a bar is full only when everything is done, and never wider than the terminal', () => {
  const progress = { label: 'a long name of a file.bin', totalBytes: 1000, rate: 100, left: 10 };
  const almost = barLine({ ...progress, doneBytes: 999 }, 100);
  assert.match(almost, /^▕█{19}▉▏ 99%/);
  assert.match(barLine({ ...progress, doneBytes: 1000 }, 100), /^▕█{20}▏100%/);
  assert.match(barLine({ ...progress, doneBytes: 0 }, 100), /^▕ {20}▏ {2}0%/);
  assert.match(barLine({ ...progress, doneBytes: 0, totalBytes: 0 }, 100), /100%/);
  assert.equal(barLine({ ...progress, doneBytes: 1 }, 60).length, 59);
  assert.match(barLine({ ...progress, doneBytes: 1, note: 'finishing' }, 100), /finishing {2}a long name/);
});

test('a meter calculates the rate of the last seconds, and the remaining time from it', () => {
  let now = 0;
  const meter = new Meter(100_000, () => now);
  assert.deepEqual(meter.read(), { rate: undefined, left: undefined });
  for (let second = 1; second <= 10; second++) {
    now = second * 1000;
    meter.sample(second * 1000);
  }
  assert.deepEqual(meter.read(), { rate: 1000, left: 90_000 });
  for (let second = 11; second <= 20; second++) {
    now = second * 1000;
    meter.sample(10_000);
  }
  assert.deepEqual(meter.read(), { rate: 0, left: undefined });
  meter.reset(50_000);
  now += 1000;
  meter.sample(52_000);
  assert.deepEqual(meter.read(), { rate: 2000, left: 24_000 });
});

test('a part map shows one or several parts per cell and rounds to empty or full only if all of them are', () => {
  assert.deepEqual(partMap(new Set([0, 2]), 5, { columns: 3 }), { lines: ['█·█', '··'], partsPerCell: 1 });
  const many = partMap(new Set(Array.from({ length: 9_999 }, (_, part) => part)), 10_000, {
    columns: 100,
    maxLines: 10,
  });
  assert.equal(many.partsPerCell, 10);
  assert.equal(many.lines.length, 10);
  assert.equal(many.lines.join(''), `${'█'.repeat(999)}▓`);
  assert.equal(partMap(new Set([0]), 1000, { columns: 1, maxLines: 1 }).lines.join(''), '░');
});

test('text from the server cannot move the cursor or hide anything', () => {
  assert.equal(
    escapeControl('a\u001b[2Jb\r\n\u202etxt.exe\u0000é字'),
    'a\\u001b[2Jb\\u000d\\u000a\\u202etxt.exe\\u0000é字',
  );
});
