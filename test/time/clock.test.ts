import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOCK_GRACE, isStillGood } from '../../packages/server/src/time/clock.ts';
import { TestClock } from '../support/test-clock.ts';

const DAY = 24 * 3_600_000;
const START = Date.parse('2026-11-22T15:00:00Z');

test('nothing expires by a wall clock that is days ahead for seconds', () => {
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

test('a wall clock that stays ahead, as after days of sleep, counts after a quarter of an hour', () => {
  const clock = new TestClock(START);
  clock.jump(8 * DAY);
  clock.advance(CLOCK_GRACE - 1);
  assert.equal(clock.expiryTime(), START + CLOCK_GRACE - 1);
  clock.advance(1);
  assert.equal(clock.expiryTime(), clock.now());
});

test('a wall clock that jumps again within the quarter of an hour has to wait for another one', () => {
  const clock = new TestClock(START);
  clock.jump(8 * DAY);
  clock.advance(CLOCK_GRACE - 1);
  clock.jump(DAY);
  clock.advance(CLOCK_GRACE - 1);
  assert.equal(clock.expiryTime(), START + 2 * (CLOCK_GRACE - 1));
  clock.advance(1);
  assert.equal(clock.expiryTime(), clock.now());
});

test('expiry follows a wall clock that is set back at once, and holds when it is set right again', () => {
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

test('lifetimes are counted from no earlier time because the wall clock is set back, until that has held for a while', () => {
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

test('a start with a wall clock far behind the database counts lifetimes from there for a quarter of an hour', () => {
  const clock = new TestClock(START);
  clock.startFrom(START + 8 * DAY);
  clock.advance(2_500);
  assert.deepEqual([clock.expiryTime(), clock.lifetimesFrom()], [START + 2_500, START + 8 * DAY + 2_500]);
  clock.jump(8 * DAY);
  assert.equal(clock.expiryTime(), clock.now(), 'set right by NTP');
  clock.jump(-8 * DAY);
  clock.advance(CLOCK_GRACE);
  assert.equal(clock.lifetimesFrom(), clock.now());
});

test('small corrections, as NTP makes them, hold nothing up', () => {
  const clock = new TestClock(START);
  const jumps: number[] = [];
  clock.onJump = (by) => jumps.push(by);
  for (const by of [30_000, -20_000, 59_000]) {
    clock.jump(by);
    assert.equal(clock.expiryTime(), clock.now());
  }
  assert.deepEqual(jumps, []);
});

test('a start with a wall clock far ahead of the database expires nothing by it for a quarter of an hour', () => {
  const clock = new TestClock(START);
  const jumps: number[] = [];
  clock.onJump = (by) => jumps.push(by);
  clock.startFrom(START - 8 * DAY);
  clock.advance(2_500);
  assert.equal(clock.expiryTime(), START - 8 * DAY + 2_500);
  clock.jump(-8 * DAY);
  assert.equal(clock.expiryTime(), START - 8 * DAY + 2_500, 'set right by NTP');
  clock.advance(CLOCK_GRACE);
  assert.equal(clock.expiryTime(), clock.now());
  assert.deepEqual(jumps, [8 * DAY, -8 * DAY]);
});

test('a start minutes after the last time in the database holds nothing up, nor does one that is behind it', () => {
  for (const newest of [START - 9 * 60_000, START, START + 8 * DAY]) {
    const clock = new TestClock(START);
    clock.startFrom(newest);
    assert.equal(clock.expiryTime(), clock.now());
  }
});

test('the time that nodes share counts, and files keep the dates of this machine', () => {
  const clock = new TestClock(START);
  clock.follow(START - DAY);
  assert.equal(clock.now(), START - DAY);
  assert.equal(clock.expiryTime(), clock.now());
  assert.equal(clock.fileExpiryTime(), START);
  clock.jump(8 * DAY);
  assert.equal(clock.expiryTime(), START - DAY, 'this machine’s clock was set ahead');
  clock.follow(START - DAY);
  assert.equal(clock.now(), START - DAY, 'the next answer sets that right');
  assert.equal(clock.expiryTime(), clock.now());
});

test('what is short-lived is good until its end, and not at all if its end is too far off', () => {
  assert.equal(isStillGood(START + 1, 60_000, START), true);
  assert.equal(isStillGood(START, 60_000, START), false);
  assert.equal(isStillGood(START + 60_000, 60_000, START - DAY), false, 'from before the clock was set back');
});
