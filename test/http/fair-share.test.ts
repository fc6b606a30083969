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

const NEVER_ABORTED = new AbortController().signal;

/** A server whose load the test sets, and the users in the order of their turns. */
function busyServer() {
  const clock = new TestClock(Date.UTC(2026, 0, 1));
  const server = { load: 1 };
  const fair = new FairShare<string>(clock, () => server.load);
  const turns: string[] = [];
  const ask = async (user: string, units = 1, left = NEVER_ABORTED) => {
    const asked = fair.turn(user, units, () => left).then(() => turns.push(user));
    await settled();
    return asked;
  };
  /** Advances the clock tick by tick. Returns how many turns `user` got in that time. */
  const runFor = async (millis: number, user: string) => {
    const before = turns.filter((name) => name === user).length;
    for (let at = 0; at < millis; at += TICK) {
      clock.advance(TICK);
      fair.releaseDue();
      await settled();
    }
    return turns.filter((name) => name === user).length - before;
  };
  return { clock, server, fair, turns, ask, runFor };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Asks for so many turns that some have to wait. Returns how many were granted at once. */
async function askForMany(ask: (user: string) => Promise<unknown>, user: string, fair: FairShare<string>) {
  const asked = 3 * MAX_UNITS;
  for (let n = 0; n < asked; n++) void ask(user);
  await settled();
  return asked - fair.waiting;
}

test("on a busy server, a user's requests beyond the allowance wait for those of others", async () => {
  const { fair, ask } = busyServer();
  fair.markActive('small');
  const atOnce = await askForMany(ask, 'large', fair);
  assert.equal(atOnce, MAX_UNITS + 1);
  await ask('small');
  assert.equal(fair.waiting, 3 * MAX_UNITS - atOnce, 'the small user did not wait');
});

test('no request waits while the server is not busy, or while no other user is active', async () => {
  const idle = busyServer();
  idle.server.load = 0.3;
  idle.fair.markActive('small');
  assert.equal(await askForMany(idle.ask, 'large', idle.fair), 3 * MAX_UNITS);

  const alone = busyServer();
  assert.equal(await askForMany(alone.ask, 'large', alone.fair), 3 * MAX_UNITS);
});

test('a user counts as active for two seconds after the last request, even if others sent requests since', async () => {
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

test('an address without a known user slows down no user, and waits for users', async () => {
  const fair = new FairShare<string>(
    new TestClock(Date.UTC(2026, 0, 1)),
    () => 1,
    (key) => key !== 'address',
  );
  await fair.turn('address', MAX_UNITS + 1, () => NEVER_ABORTED);
  await fair.turn('large', MAX_UNITS + 1, () => NEVER_ABORTED);
  await fair.turn('large', 1, () => NEVER_ABORTED);
  assert.equal(fair.waiting, 0, 'no other user was active');
  void fair.turn('address', 1, () => NEVER_ABORTED);
  assert.equal(fair.waiting, 1);
});

test('a waiting user gets the rate that is left for requests beyond the allowances, but not a higher one', async () => {
  const { fair, ask, runFor } = busyServer();
  fair.markActive('small');
  await askForMany(ask, 'large', fair);
  const inASecond = await runFor(1000, 'large');
  assert.ok(inASecond >= EXTRA_UNITS_PER_SECOND - 2 && inASecond <= EXTRA_UNITS_PER_SECOND + 2, String(inASecond));
});

test('waiting users take turns', async () => {
  const { fair, turns, ask, runFor } = busyServer();
  fair.markActive('small');
  await askForMany(ask, 'first', fair);
  const waiting = fair.waiting;
  await askForMany(ask, 'second', fair);
  assert.ok(fair.waiting > waiting);
  turns.length = 0;
  await runFor(1000, 'first');
  const [first, second] = ['first', 'second'].map((user) => turns.filter((name) => name === user).length);
  assert.ok(Math.abs((first ?? 0) - (second ?? 0)) <= 4, `${first} and ${second}`);
});

test('all waiting requests get their turns soon after the load drops', async () => {
  const { server, fair, ask, runFor } = busyServer();
  fair.markActive('small');
  await askForMany(ask, 'large', fair);
  const { waiting } = fair;
  server.load = 0.1;
  await runFor(waiting * TICK, 'large');
  assert.equal(fair.waiting, 0);
});

test('a large request counts as several, and charges after a request count, too', async () => {
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
  const { fair, ask, runFor } = busyServer();
  fair.markActive('small');
  for (let n = 0; n < 20; n++) void ask('large', 1_000);
  await settled();
  assert.equal(fair.waiting, 19);
  await runFor(MAX_WAIT + TICK, 'large');
  assert.equal(fair.waiting, 0);
});

test('an allowance refills with time', async () => {
  const { clock, fair, ask } = busyServer();
  fair.markActive('small');
  await ask('large', MAX_UNITS + 1);
  clock.advance(2_000);
  fair.markActive('small');
  for (let n = 0; n < 2 * UNITS_PER_SECOND; n++) void ask('large');
  await settled();
  assert.equal(fair.waiting, 0);
});

test('a request whose client disconnects stops waiting, and takes nothing from the others', async () => {
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

test('inactive users are forgotten unless they owe something', async () => {
  const { clock, fair, ask } = busyServer();
  for (let n = 0; n < 1_000; n++) await ask(`user ${n}`);
  assert.equal(fair.size, 1_000);
  clock.advance(60_000);
  await ask('another');
  assert.equal(fair.size, 1);
});
