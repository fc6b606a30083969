import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressMeter } from '../../packages/client/src/upload/progress.ts';
import type { UploadProgress } from '../../packages/client/src/upload-options.ts';
import { fakeTime } from './fake-time.ts';

/** A meter of 1,000 bytes in parts of 300. */
function openMeter() {
  const meter = new ProgressMeter(1_000, undefined, 200);
  meter.setPartSize(300);
  const [first, second, third, last] = meter.parts;
  assert.ok(first && second && third && last);
  return { meter, parts: [first, second, third, last] as const };
}

test('progress starts with nothing sent and an unknown rate', () => {
  using meter = new ProgressMeter(1_000, undefined, 200);
  assert.deepEqual(meter.progress(), {
    phase: 'starting',
    bytesTotal: 1_000,
    bytesStored: 0,
    bytesDone: 0,
    bytesPerSecond: undefined,
    secondsLeft: undefined,
    parallel: 0,
    parts: [],
  });
  assert.deepEqual([meter.bytesSent, meter.bytesStored], [0, 0]);
});

test('parts cover the file, and the last one can be smaller', () => {
  const { meter } = openMeter();
  const part = { state: 'queued', sent: 0, tries: 0 };
  assert.deepEqual(meter.parts, [
    { offset: 0, size: 300, ...part },
    { offset: 300, size: 300, ...part },
    { offset: 600, size: 300, ...part },
    { offset: 900, size: 100, ...part },
  ]);
});

test('bytes in progress and stored bytes add up', () => {
  const { meter, parts } = openMeter();
  meter.recordSent(parts[0], 1);
  meter.recordSent(parts[0], 120);
  meter.recordSent(parts[1], 50);
  assert.deepEqual([meter.bytesSent, meter.bytesStored, meter.progress().bytesDone], [170, 0, 170]);

  meter.recordSent(parts[0], 300);
  meter.recordStored(parts[0], 'sent');
  assert.deepEqual([parts[0].state, parts[0].sent, parts[1].sent], ['sent', 0, 50]);
  assert.deepEqual([meter.bytesSent, meter.bytesStored, meter.progress().bytesDone], [350, 300, 350]);

  meter.recordStored(parts[3], 'stored');
  assert.equal(parts[3].state, 'stored');
  assert.deepEqual([meter.bytesSent, meter.bytesStored, meter.progress().bytesDone], [350, 400, 450]);
});

test('a part that is sent again counts as sent twice and as done once', () => {
  const { meter, parts } = openMeter();
  meter.recordSent(parts[0], 200);
  meter.recordSent(parts[0], 0);
  assert.deepEqual([meter.bytesSent, meter.progress().bytesDone], [200, 0]);
  meter.recordSent(parts[0], 300);
  assert.deepEqual([meter.bytesSent, meter.progress().bytesDone], [500, 300]);
});

test('a new session starts without stored bytes and without a rate', (t) => {
  const time = fakeTime(t);
  const { meter, parts } = openMeter();
  meter.recordSent(parts[0], 300);
  meter.recordStored(parts[0], 'sent');
  meter.recordSent(parts[1], 100);
  time.advance(1_000);
  assert.equal(meter.progress().bytesPerSecond, 100);

  meter.setPartSize(500);
  const { bytesStored, bytesDone, bytesPerSecond } = meter.progress();
  assert.deepEqual([bytesStored, bytesDone, bytesPerSecond, meter.parts.length], [0, 0, undefined, 2]);
});

test('the rate is known after a quarter of a second, and gives the time that is left', (t) => {
  const time = fakeTime(t);
  const { meter, parts } = openMeter();
  assert.equal(meter.progress().bytesPerSecond, undefined);
  meter.recordSent(parts[0], 100);
  meter.recordSent(parts[0], 200);
  time.advance(249);
  assert.deepEqual([meter.progress().bytesPerSecond, meter.progress().secondsLeft], [undefined, undefined]);
  time.advance(1);
  assert.deepEqual([meter.progress().bytesPerSecond, meter.progress().secondsLeft], [400, 2]);
});

test('nothing is left to wait for when all bytes are sent', (t) => {
  const time = fakeTime(t);
  const { meter, parts } = openMeter();
  for (const part of parts) meter.recordSent(part, part.size);
  assert.equal(meter.progress().secondsLeft, 0);
  time.advance(250);
  assert.equal(meter.progress().secondsLeft, 0);
});

test('the time that is left is unknown while nothing moves', (t) => {
  const time = fakeTime(t);
  const { meter, parts } = openMeter();
  meter.recordSent(parts[0], 100);
  time.advance(1_000);
  assert.deepEqual([meter.progress().bytesPerSecond, meter.progress().secondsLeft], [0, undefined]);
});

test('the rate is never negative when bytes have to be sent again', (t) => {
  const time = fakeTime(t);
  const { meter, parts } = openMeter();
  meter.recordSent(parts[0], 300);
  time.advance(1_000);
  meter.recordSent(parts[0], 0);
  assert.equal(meter.progress().bytesPerSecond, 0);
});

test('the rate is that of the last five seconds', (t) => {
  const time = fakeTime(t);
  using meter = new ProgressMeter(100_000, undefined, 200);
  meter.setPartSize(100_000);
  const [part] = meter.parts;
  assert.ok(part);
  meter.recordSent(part, 10_000);
  time.advance(250);
  meter.recordSent(part, 11_000);
  time.advance(4_750);
  meter.recordSent(part, 30_000);
  assert.equal(meter.progress().bytesPerSecond, 4_000);
  time.advance(250);
  meter.recordSent(part, 31_500);
  assert.equal(meter.progress().bytesPerSecond, 4_100);
  time.advance(250);
  meter.recordSent(part, 32_500);
  assert.equal(meter.progress().bytesPerSecond, 5_000);
});

test('the rate is measured from a moment within the last five seconds, in steps of a quarter of a second', (t) => {
  const time = fakeTime(t);
  using meter = new ProgressMeter(100_000, undefined, 200);
  meter.setPartSize(100_000);
  const [part] = meter.parts;
  assert.ok(part);
  for (const [millis, sent] of [
    [0, 10_000],
    [250, 11_000],
    [150, 15_000],
    [4_900, 30_000],
  ] as const) {
    time.advance(millis);
    meter.recordSent(part, sent);
  }
  assert.equal(meter.progress().bytesPerSecond, undefined);
  time.advance(250);
  assert.equal(meter.progress().bytesPerSecond, 0);
});

test('bytes that an earlier run stored do not count toward the rate', (t) => {
  const time = fakeTime(t);
  const { meter, parts } = openMeter();
  meter.recordSent(parts[1], 100);
  time.advance(500);
  meter.recordStored(parts[0], 'stored');
  assert.equal(meter.progress().bytesPerSecond, undefined);
  time.advance(500);
  meter.recordSent(parts[1], 200);
  meter.recordStored(parts[1], 'sent');
  assert.equal(meter.progress().bytesPerSecond, 400);
});

test('a file in one request is done when its bytes are sent, and its form fields do not count', () => {
  using meter = new ProgressMeter(100, undefined, 200);
  meter.recordSentWhole(40);
  assert.deepEqual([meter.bytesSent, meter.progress().bytesDone], [40, 40]);
  meter.recordSentWhole(70);
  assert.deepEqual([meter.bytesSent, meter.progress().bytesDone], [70, 70]);
  meter.recordSentWhole(120);
  assert.deepEqual([meter.bytesSent, meter.progress().bytesDone], [120, 100]);
  meter.recordSentWhole(0);
  assert.deepEqual([meter.bytesSent, meter.progress().bytesDone], [120, 0]);
  meter.recordSentWhole(10);
  assert.deepEqual([meter.bytesSent, meter.progress().bytesDone], [130, 10]);
});

test('a file in one request has a rate', (t) => {
  const time = fakeTime(t);
  using meter = new ProgressMeter(1_000, undefined, 200);
  meter.recordSentWhole(100);
  time.advance(500);
  meter.recordSentWhole(300);
  assert.deepEqual([meter.progress().bytesPerSecond, meter.progress().secondsLeft], [400, 1.75]);
});

test('a finished upload has all bytes stored, whatever was sent', () => {
  const { meter, parts } = openMeter();
  meter.recordSent(parts[0], 100);
  meter.setPhase('done');
  const { phase, bytesStored, bytesDone, secondsLeft } = meter.progress();
  assert.deepEqual([phase, bytesStored, bytesDone, secondsLeft], ['done', 1_000, 1_000, 0]);
});

test('progress is reported at its interval and with each new phase, until the upload ends', (t) => {
  const time = fakeTime(t);
  const reports: UploadProgress['phase'][] = [];
  const meter = new ProgressMeter(1_000, ({ phase }) => reports.push(phase), 200);
  time.advance(199);
  assert.deepEqual(reports, []);
  time.advance(1);
  assert.deepEqual(reports, ['starting']);
  meter.setPhase('starting');
  meter.setPhase('sending');
  meter.setPhase('sending');
  assert.deepEqual(reports, ['starting', 'sending']);
  time.advance(400);
  assert.deepEqual(reports, ['starting', 'sending', 'sending', 'sending']);
  meter[Symbol.dispose]();
  time.advance(1_000);
  assert.equal(reports.length, 4);
});

test('an upload without a progress callback sets no timer', (t) => {
  fakeTime(t);
  const set = t.mock.method(globalThis, 'setInterval');
  using _meter = new ProgressMeter(1_000, undefined, 200);
  assert.equal(set.mock.callCount(), 0);
});
