import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { SpoolQuota, type SpoolReservation } from '../../packages/server/src/storage/spool/spool-space.ts';
import { seededRandom } from '../faults/seeded-random.ts';

const [HOG, OTHER, THIRD] = [1 as UserId, 2 as UserId, 3 as UserId];

describe('the spool quota', () => {
  it('gives one user at most half, so that others find space even if that user waits for more', async () => {
    const quota = createQuota(8);
    const reservations = await reserveEach(quota, HOG, 4);
    const waiting = startReserving(quota, HOG);
    await settle();
    assert.equal(waiting.isAdmitted, false);
    const others = await reserveEach(quota, OTHER, 2);
    assert.equal(quota.reserved, 6);
    others.push(await quota.reserve(1, THIRD));
    for (const reservation of others) reservation.release();
    // All of it is free except for the half of the first user.
    await settle();
    assert.equal(waiting.isAdmitted, false);
    reservations[0]?.release();
    await waiting.done;
  });

  it('is not blocked by a client that has disconnected', async () => {
    const quota = createQuota(8);
    const [reservation] = [await quota.reserve(8, HOG)];
    const gone = new AbortController();
    const leaving = quota.reserve(8, OTHER, gone.signal);
    const waiting = startReserving(quota, THIRD);
    await settle();
    assert.equal(waiting.isAdmitted, false);
    gone.abort(new Error('gone'));
    await assert.rejects(leaving, /gone/);
    await assert.rejects(quota.reserve(1, OTHER, gone.signal), /gone/);
    reservation.release();
    await waiting.done;
    assert.equal(quota.reserved, 1);
  });

  it('admits the next in the queue even if an admitted one disconnects at the same moment', async () => {
    const quota = createQuota(8);
    const reservation = await quota.reserve(8);
    const gone = new AbortController();
    const leaving = quota.reserve(4, HOG, gone.signal);
    const next = startReserving(quota, OTHER);
    const last = quota.reserve(8, THIRD);
    await settle();
    reservation.release();
    gone.abort(new Error('gone'));
    // It was admitted before, so it has to release its space.
    (await leaving).release();
    (await next.done).release();
    await last;
    assert.equal(quota.reserved, 8);
  });

  it('rejects a body after its maximum wait, and one larger than the whole spool immediately', async () => {
    const quota = createQuota(8, 20);
    await quota.reserve(8);
    await assert.rejects(quota.reserve(1), { code: 'unavailable', retryAfterSeconds: 5 });
    await assert.rejects(quota.reserve(9), RangeError);
    assert.equal(quota.reserved, 8);
  });

  it('is not blocked by one that waited too long', async () => {
    const quota = createQuota(8, 50);
    const holds = [await quota.reserve(4, HOG), await quota.reserve(3, OTHER)];
    const large = quota.reserve(4, THIRD);
    await settle();
    const small = quota.reserve(1, 4 as UserId);
    await assert.rejects(large, { code: 'unavailable' });
    await small.catch(() => {});
    for (const reservation of holds) reservation.release();
  });

  it('drops cached files, also for a body that arrives while another one is being admitted', async () => {
    const kept: SpoolReservation[] = [];
    let dropped = 0;
    const quota = new SpoolQuota(8, {
      timeout: 60_000,
      async evict() {
        await turn();
        const oldest = kept.shift();
        oldest?.release();
        if (oldest !== undefined) dropped += 1;
        return oldest !== undefined;
      },
    });
    for (let n = 0; n < 8; n += 1) {
      const reservation = await quota.reserve(1, HOG);
      reservation.markCached();
      kept.push(reservation);
    }
    const [one, other] = await Promise.all([quota.reserve(2, HOG), quota.reserve(1, OTHER)]);
    assert.equal(dropped, 3);
    assert.equal(quota.reserved, 8);
    one.release();
    other.release();
    assert.equal(quota.reserved, 5);
  });

  it('leaves half of the rest to the next user, however many arrive', async () => {
    const quota = createQuota(100, 1_000);
    for (const by of [1, 2, 3, 4]) {
      for (let more = true; more; ) more = await admits(quota, by as UserId);
    }
    // 50 for the first one, half of the rest for the next one, and so on.
    assert.equal(quota.reserved, 50 + 25 + 12 + 6);
    await reserveEach(quota, 5 as UserId, 3);
  });

  it('admits one body per user in any case, even if it takes most of the space', async () => {
    const quota = createQuota(8);
    const reservation = await quota.reserve(7, HOG);
    const waiting = startReserving(quota, HOG);
    await settle();
    assert.equal(waiting.isAdmitted, false);
    reservation.release();
    await waiting.done;
  });

  it('does not count bytes that the store has for a user', async () => {
    const quota = createQuota(8);
    const reservations = await reserveEach(quota, HOG, 4);
    const waiting = startReserving(quota, HOG);
    reservations[0]?.markCached();
    await waiting.done;
    assert.equal(quota.reserved, 5);
    for (const reservation of reservations) reservation.release();
    assert.equal(quota.reserved, 1);
  });

  it('counts a body once that was first cached and then dropped', async () => {
    const quota = createQuota(8);
    for (const reservation of await reserveEach(quota, HOG, 4)) {
      reservation.markCached();
      reservation.markCached();
      reservation.release();
    }
    const reservations = await reserveEach(quota, HOG, 4);
    const waiting = startReserving(quota, HOG);
    await settle();
    assert.equal(waiting.isAdmitted, false);
    reservations[0]?.release();
    await waiting.done;
  });

  it('stops the clock of a body that is admitted or gone', async () => {
    const countTimers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = countTimers();
    const quota = createQuota(8);
    await quota.reserve(8);
    const gone = new AbortController();
    const leaving = quota.reserve(1, HOG, gone.signal);
    assert.equal(countTimers(), before + 1);
    gone.abort(new Error('gone'));
    await assert.rejects(leaving, /gone/);
    assert.equal(countTimers(), before);
  });

  it('can be used up by a body without a user', async () => {
    const quota = createQuota(8);
    for (let n = 0; n < 8; n += 1) await quota.reserve(1);
    assert.equal(quota.reserved, 8);
  });

  it('admits everyone eventually, and never more than there is space, at random', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      const quota = createQuota(20, 600_000);
      let admitted = 0;
      const all = Array.from({ length: 300 }, async () => {
        const reservation = await quota.reserve(1 + random.below(20), random.below(5) as UserId);
        admitted += 1;
        assert.ok(quota.reserved <= quota.total, `seed ${seed}`);
        for (let wait = random.below(4); wait > 0; wait -= 1) await turn();
        if (random.below(3) === 0) reservation.markCached();
        await turn();
        reservation.release();
      });
      await Promise.all(all);
      assert.equal(admitted, 300, `seed ${seed}`);
      assert.equal(quota.reserved, 0, `seed ${seed}`);
    }
  });
});

function createQuota(total: number, timeout = 60_000): SpoolQuota {
  return new SpoolQuota(total, { timeout, evict: async () => false });
}

async function reserveEach(quota: SpoolQuota, by: UserId, times: number): Promise<SpoolReservation[]> {
  const holds: SpoolReservation[] = [];
  for (let n = 0; n < times; n += 1) holds.push(await quota.reserve(1, by));
  return holds;
}

interface PendingReservation {
  isAdmitted: boolean;
  done: Promise<SpoolReservation>;
}

/** Reserves one more byte for a user, as soon as it is available. */
function startReserving(quota: SpoolQuota, by: UserId): PendingReservation {
  const wait: PendingReservation = { isAdmitted: false, done: quota.reserve(1, by) };
  wait.done.then(
    () => {
      wait.isAdmitted = true;
    },
    () => {},
  );
  return wait;
}

async function admits(quota: SpoolQuota, by: UserId): Promise<boolean> {
  const wait = startReserving(quota, by);
  await settle();
  return wait.isAdmitted;
}

/** Waits for everything that happens without input. */
async function settle(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await turn();
}
