import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EXTRA_UNITS_PER_SECOND,
  FairShare,
  MAX_UNITS,
  MAX_WAIT,
  TICK,
  UNITS_PER_SECOND,
} from '../../packages/server/src/http/hooks/fair-share.ts';
import { TestClock } from '../support/test-clock.ts';

const STAYS = new AbortController().signal;

/** A server whose load the test sets, and the names of those whose turn has come. */
function busyServer() {
  const clock = new TestClock(Date.UTC(2026, 0, 1));
  const server = { load: 1 };
  const fair = new FairShare<string>(clock, () => server.load);
  const turns: string[] = [];
  const ask = async (user: string, units = 1, left = STAYS) => {
    const asked = fair.turn(user, units, () => left).then(() => turns.push(user));
    await settled();
    return asked;
  };
  /** Moves the time in steps of a tick, and counts the turns of `user` meanwhile. */
  const pass = async (millis: number, user: string) => {
    const before = turns.filter((name) => name === user).length;
    for (let at = 0; at < millis; at += TICK) {
      clock.advance(TICK);
      fair.releaseDue();
      await settled();
    }
    return turns.filter((name) => name === user).length - before;
  };
  return { clock, server, fair, turns, ask, pass };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Asks for so many turns that some must wait, and gives how many had one at once. */
async function askForMany(ask: (user: string) => Promise<unknown>, user: string, fair: FairShare<string>) {
  const asked = 3 * MAX_UNITS;
  for (let n = 0; n < asked; n++) void ask(user);
  await settled();
  return asked - fair.waiting;
}

test('of a user who asks for too much on a busy server, what is beyond the allowance waits for others', async () => {
  const { fair, ask } = busyServer();
  fair.markActive('small');
  const atOnce = await askForMany(ask, 'large', fair);
  assert.equal(atOnce, MAX_UNITS + 1);
  await ask('small');
  assert.equal(fair.waiting, 3 * MAX_UNITS - atOnce, 'the small user did not wait');
});

test('nobody waits while the server has time, or while nobody else is active', async () => {
  const idle = busyServer();
  idle.server.load = 0.3;
  idle.fair.markActive('small');
  assert.equal(await askForMany(idle.ask, 'large', idle.fair), 3 * MAX_UNITS);

  const alone = busyServer();
  assert.equal(await askForMany(alone.ask, 'large', alone.fair), 3 * MAX_UNITS);
});

test('a user counts as active for two seconds after the last request, also if another came since', async () => {
  const { clock, fair, ask } = busyServer();
  await ask('small');
  await ask('large', MAX_UNITS + 100);
  clock.advance(1_900);
  void ask('large');
  await settled();
  assert.equal(fair.waiting, 1);

  const quiet = busyServer();
  await quiet.ask('small');
  await quiet.ask('large', MAX_UNITS + 100);
  quiet.clock.advance(2_100);
  await quiet.ask('large');
  await quiet.ask('large');
  assert.equal(quiet.fair.waiting, 0);
});

test('an address whose user is not known slows nobody down, and waits for users', async () => {
  const fair = new FairShare<string>(
    new TestClock(Date.UTC(2026, 0, 1)),
    () => 1,
    (key) => key !== 'address',
  );
  await fair.turn('address', MAX_UNITS + 1, () => STAYS);
  await fair.turn('large', MAX_UNITS + 1, () => STAYS);
  await fair.turn('large', 1, () => STAYS);
  assert.equal(fair.waiting, 0, 'only the address was there beside it');
  void fair.turn('address', 1, () => STAYS);
  assert.equal(fair.waiting, 1);
});

test('a user who waits gets what is left for all beyond their allowances, and no more', async () => {
  const { fair, ask, pass } = busyServer();
  fair.markActive('small');
  await askForMany(ask, 'large', fair);
  const inASecond = await pass(1000, 'large');
  assert.ok(inASecond >= EXTRA_UNITS_PER_SECOND - 2 && inASecond <= EXTRA_UNITS_PER_SECOND + 2, String(inASecond));
});

test('users who wait take turns', async () => {
  const { fair, turns, ask, pass } = busyServer();
  fair.markActive('small');
  await askForMany(ask, 'first', fair);
  const waiting = fair.waiting;
  await askForMany(ask, 'second', fair);
  assert.ok(fair.waiting > waiting);
  turns.length = 0;
  await pass(1000, 'first');
  const [first, second] = ['first', 'second'].map((user) => turns.filter((name) => name === user).length);
  assert.ok(Math.abs((first ?? 0) - (second ?? 0)) <= 4, `${first} and ${second}`);
});

test('all that wait get their turns soon after the server has time again', async () => {
  const { server, fair, ask, pass } = busyServer();
  fair.markActive('small');
  await askForMany(ask, 'large', fair);
  const { waiting } = fair;
  server.load = 0.1;
  await pass(waiting * TICK, 'large');
  assert.equal(fair.waiting, 0);
});

test('large requests count as many, and what is charged later too', async () => {
  const { fair, ask } = busyServer();
  fair.markActive('small');
  await ask('large', MAX_UNITS + 5);
  void ask('large');
  await settled();
  assert.equal(fair.waiting, 1);

  await ask('other');
  fair.charge('other', MAX_UNITS + 5);
  void ask('other');
  await settled();
  assert.equal(fair.waiting, 2);
});

test('no request waits longer than the limit, however much its user owes', async () => {
  const { fair, ask, pass } = busyServer();
  fair.markActive('small');
  for (let n = 0; n < 20; n++) void ask('large', 1_000);
  await settled();
  assert.equal(fair.waiting, 19);
  await pass(MAX_WAIT + TICK, 'large');
  assert.equal(fair.waiting, 0);
});

test('an allowance comes back with time', async () => {
  const { clock, fair, ask } = busyServer();
  fair.markActive('small');
  await ask('large', MAX_UNITS + 1);
  clock.advance(2_000);
  fair.markActive('small');
  for (let n = 0; n < 2 * UNITS_PER_SECOND; n++) void ask('large');
  await settled();
  assert.equal(fair.waiting, 0);
});

test('a request whose client leaves waits no longer, and takes nothing from the others', async () => {
  const { fair, ask, turns } = busyServer();
  fair.markActive('small');
  await ask('large', MAX_UNITS + 1);
  const client = new AbortController();
  const asked = ask('large', 1, client.signal);
  await settled();
  assert.equal(fair.waiting, 1);
  client.abort(new Error('left'));
  await assert.rejects(asked, /left/);
  assert.deepEqual([fair.waiting, turns.length], [0, 1]);
  await assert.rejects(
    fair.turn('large', 1, () => client.signal),
    /left/,
  );
});

test('users of long ago are forgotten, those who owe something are not', async () => {
  const { clock, fair, ask } = busyServer();
  for (let n = 0; n < 1_000; n++) await ask(`user ${n}`);
  assert.equal(fair.size, 1_000);
  clock.advance(60_000);
  await ask('another');
  assert.equal(fair.size, 1);
});
