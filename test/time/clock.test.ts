import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOCK_GRACE, isStillGood } from '../../packages/server/src/time/clock.ts';
import { TestClock } from '../support/test-clock.ts';

const DAY = 24 * 3_600_000;
const START = Date.parse('2026-11-22T15:00:00Z');

test('nothing expires because a wall clock is days ahead for some seconds', () => {
  const clock = new TestClock(START);
  clock.jump(8 * DAY);
  clock.advance(2_500);
  assert.equal(clock.now(), START + 8 * DAY + 2_500);
  assert.equal(clock.expiryTime(), START + 2_500);
  clock.jump(-8 * DAY);
  assert.equal(clock.expiryTime(), START + 2_500);
  clock.advance(CLOCK_GRACE);
  assert.equal(clock.expiryTime(), clock.now());
});

test('a wall clock that stays ahead, as after days of sleep, is trusted after a quarter of an hour', () => {
  const clock = new TestClock(START);
  clock.jump(8 * DAY);
  clock.advance(CLOCK_GRACE - 1);
  assert.equal(clock.expiryTime(), START + CLOCK_GRACE - 1);
  clock.advance(1);
  assert.equal(clock.expiryTime(), clock.now());
});

test('a wall clock that jumps again within the quarter of an hour is trusted only after another one', () => {
  const clock = new TestClock(START);
  clock.jump(8 * DAY);
  clock.advance(CLOCK_GRACE - 1);
  clock.jump(DAY);
  clock.advance(CLOCK_GRACE - 1);
  assert.equal(clock.expiryTime(), START + 2 * (CLOCK_GRACE - 1));
  clock.advance(1);
  assert.equal(clock.expiryTime(), clock.now());
});

test('expiry follows a wall clock that is set back immediately, and pauses when the clock is corrected', () => {
  const clock = new TestClock(START);
  clock.jump(-DAY);
  assert.equal(clock.expiryTime(), START - DAY);
  clock.advance(CLOCK_GRACE);
  assert.equal(clock.expiryTime(), clock.now());
  clock.jump(DAY);
  assert.equal(clock.expiryTime(), START - DAY + CLOCK_GRACE);
  clock.advance(CLOCK_GRACE);
  assert.equal(clock.expiryTime(), clock.now());
});

test('lifetimes do not start earlier because the wall clock is set back, until it has stayed back for a while', () => {
  const clock = new TestClock(START);
  assert.equal(clock.lifetimesFrom(), START);
  clock.jump(8 * DAY);
  assert.equal(clock.lifetimesFrom(), clock.now());
  clock.jump(-16 * DAY);
  clock.advance(2_500);
  assert.deepEqual([clock.now(), clock.lifetimesFrom()], [START - 8 * DAY + 2_500, START + 2_500]);
  clock.advance(CLOCK_GRACE);
  assert.equal(clock.lifetimesFrom(), clock.now());
});

test("after a start with a wall clock far behind the database, lifetimes start from the database's time for a quarter of an hour", () => {
  const clock = new TestClock(START);
  clock.startFrom(START + 8 * DAY);
  clock.advance(2_500);
  assert.deepEqual([clock.expiryTime(), clock.lifetimesFrom()], [START + 2_500, START + 8 * DAY + 2_500]);
  clock.jump(8 * DAY);
  assert.equal(clock.expiryTime(), clock.now(), 'corrected by NTP');
  clock.jump(-8 * DAY);
  clock.advance(CLOCK_GRACE);
  assert.equal(clock.lifetimesFrom(), clock.now());
});

test('small corrections, like those of NTP, delay nothing', () => {
  const clock = new TestClock(START);
  const jumps: number[] = [];
  clock.onJump = (by) => jumps.push(by);
  for (const by of [30_000, -20_000, 59_000]) {
    clock.jump(by);
    assert.equal(clock.expiryTime(), clock.now());
  }
  assert.deepEqual(jumps, []);
});

test('after a start with a wall clock far ahead of the database, nothing expires by that clock for a quarter of an hour', () => {
  const clock = new TestClock(START);
  const jumps: number[] = [];
  clock.onJump = (by) => jumps.push(by);
  clock.startFrom(START - 8 * DAY);
  clock.advance(2_500);
  assert.equal(clock.expiryTime(), START - 8 * DAY + 2_500);
  clock.jump(-8 * DAY);
  assert.equal(clock.expiryTime(), START - 8 * DAY + 2_500, 'corrected by NTP');
  clock.advance(CLOCK_GRACE);
  assert.equal(clock.expiryTime(), clock.now());
  assert.deepEqual(jumps, [8 * DAY, -8 * DAY]);
});

test('a start minutes after the newest time in the database, or before that time, delays nothing', () => {
  for (const newest of [START - 9 * 60_000, START, START + 8 * DAY]) {
    const clock = new TestClock(START);
    clock.startFrom(newest);
    assert.equal(clock.expiryTime(), clock.now());
  }
});

test('the shared time of the nodes is used, while files have the dates of this machine', () => {
  const clock = new TestClock(START);
  clock.follow(START - DAY);
  assert.equal(clock.now(), START - DAY);
  assert.equal(clock.expiryTime(), clock.now());
  assert.equal(clock.fileExpiryTime(), START);
  clock.jump(8 * DAY);
  assert.equal(clock.expiryTime(), START - DAY, "this machine's clock was set ahead");
  clock.follow(START - DAY);
  assert.equal(clock.now(), START - DAY, 'the next answer corrects that');
  assert.equal(clock.expiryTime(), clock.now());
});

test('a short-lived value is good until its end, and not at all if its end is too far away', () => {
  assert.equal(isStillGood(START + 1, 60_000, START), true);
  assert.equal(isStillGood(START, 60_000, START), false);
  assert.equal(isStillGood(START + 60_000, 60_000, START - DAY), false, 'from before the clock was set back');
});
