import assert from 'node:assert/strict';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { partMap } from '../../packages/cli/src/commands/transfer/sessions.ts';
import { barLine } from '../../packages/cli/src/output/bar.ts';
import { fitLine, wrapText } from '../../packages/cli/src/output/lines.ts';
import { Meter } from '../../packages/cli/src/output/meter.ts';
import { waitNote } from '../../packages/cli/src/output/outage.ts';
import { formatBytes, formatDuration } from '../../packages/cli/src/output/quantities.ts';
import { escapeControl } from '../../packages/cli/src/output/text.ts';
import { TransferProgress } from '../../packages/cli/src/output/transfer-progress.ts';

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
  assert.match(barLine({ ...progress, doneBytes: 1, note: 'finishing' }, 100), /finishing +a long name/);
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

test('at any width, bars fit, and percentage, rate and time left remain as long as possible', () => {
  const state = { doneBytes: 500, totalBytes: 1000, rate: 1_500_000, left: 83_000 };
  const labels = ['a', 'big.bin', 'photos/2026/a very long name of a picture.jpg', '写真/日本語の長い名前.jpg'];
  for (let columns = 20; columns <= 200; columns += 1) {
    for (const label of labels) {
      for (const note of [undefined, 'finishing', waitNote(4_000).note]) {
        const shortNote = note === undefined || note === 'finishing' ? undefined : waitNote(4_000).shortNote;
        const line = barLine({ ...state, label, note, shortNote }, columns);
        assert.ok(stringWidth(line) < columns, `${columns}: ${line}`);
        if (columns >= 48)
          assert.match(line, note === undefined ? /50%.*1\.4 MiB\/s +1:23/ : /50%.*(in 4 s|finishing)/);
        if (columns >= 120 && note === undefined) assert.ok(line.endsWith(label) && line.includes('▕'), line);
      }
    }
  }
});

test('on narrower terminals, first the bar is shortened, then omitted, then the label is cut, then the bytes go', () => {
  const state = { doneBytes: 500, totalBytes: 1000, rate: 1_500_000, left: 83_000, label: 'holiday-video.mov' };
  const looks: string[] = [];
  for (let columns = 200; columns >= 40; columns -= 1) {
    const line = barLine(state, columns);
    const cells = line.indexOf('▏', 1) <= 0 ? 0 : line.lastIndexOf('▏') - 1;
    const look = [
      cells === 20 ? 'bar' : cells > 0 ? 'short bar' : 'no bar',
      line.endsWith(state.label) ? 'label' : 'cut label',
      line.includes('/1000 B') ? 'bytes' : 'no bytes',
    ].join(', ');
    if (looks.at(-1) !== look) looks.push(look);
  }
  assert.deepEqual(looks, [
    'bar, label, bytes',
    'short bar, label, bytes',
    'no bar, label, bytes',
    'no bar, cut label, bytes',
    'no bar, label, no bytes',
    'no bar, cut label, no bytes',
  ]);
});

test('during an outage the time left does not climb, and the rate afterwards is that of the line', () => {
  let now = 0;
  const progress = new TransferProgress({ label: 'big.bin', totalBytes: 100_000 }, () => now);
  let bytes = 0;
  const transfer = (seconds: number) => {
    for (let step = 0; step < seconds * 5; step += 1) {
      now += 200;
      bytes += 200;
      progress.update({ doneBytes: bytes });
    }
  };
  transfer(10);
  assert.deepEqual([progress.state().rate, progress.state().left], [1000, 90_000]);
  // A part failed, which takes its bytes back, and the next attempt is in four seconds.
  bytes -= 1000;
  progress.update({ doneBytes: bytes });
  progress.outage.retry(4_000);
  for (const seconds of [4, 3, 2, 1]) {
    assert.equal(progress.state().note, `waiting for the server, next attempt in ${seconds} s`);
    now += 1000;
    progress.update({ doneBytes: bytes });
  }
  assert.equal(progress.state().note, 'waiting for the server');
  now += 60_000;
  transfer(2);
  const { note, rate = 0 } = progress.state();
  assert.equal(note, undefined);
  assert.ok(rate > 900 && rate < 1100, `${rate}`);
});

test('a connection on which nothing arrives for a quarter of a minute counts as an outage', () => {
  let now = 0;
  const progress = new TransferProgress({ label: 'big.bin', totalBytes: 100_000 }, () => now);
  progress.update({ doneBytes: 1000 });
  now += 10_000;
  assert.equal(progress.state().note, undefined);
  now += 10_000;
  assert.equal(progress.state().note, 'waiting for the server');
  progress.update({ doneBytes: 2000 });
  assert.equal(progress.state().note, undefined);
});

test('long messages are wrapped at spaces, and long names are cut before the numbers', () => {
  assert.equal(wrapText('one two three four', 10), 'one two\n  three\n  four');
  assert.equal(wrapText('averylongword next', 10), 'averylo\n  ngword\n  next');
  assert.equal(fitLine('a very long name', '  12 B in 0:01', 25), 'a very lo…  12 B in 0:01');
});
