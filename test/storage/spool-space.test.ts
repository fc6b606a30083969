import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { SpoolQuota, type SpoolReservation } from '../../packages/server/src/storage/spool/spool-space.ts';
import { seededRandom } from '../faults/seeded-random.ts';

const [HOG, OTHER, THIRD] = [1 as UserId, 2 as UserId, 3 as UserId];

describe('the room of the spool', () => {
  it('is half of it for one user, so that whoever comes finds some, though that one waits for more', async () => {
    const room = roomOf(8);
    const held = await takeAll(room, HOG, 4);
    const waiting = waitFor(room, HOG);
    await turns();
    assert.equal(waiting.in, false);
    const others = await takeAll(room, OTHER, 2);
    assert.equal(room.reserved, 6);
    others.push(await room.reserve(1, THIRD));
    for (const hold of others) hold.release();
    // All of it is free but for the half that the first one has.
    await turns();
    assert.equal(waiting.in, false);
    held[0]?.release();
    await waiting.done;
  });

  it('is waited for no longer by one who has gone, who keeps nobody behind waiting', async () => {
    const room = roomOf(8);
    const [hold] = [await room.reserve(8, HOG)];
    const gone = new AbortController();
    const leaving = room.reserve(8, OTHER, gone.signal);
    const waiting = waitFor(room, THIRD);
    await turns();
    assert.equal(waiting.in, false);
    gone.abort(new Error('gone'));
    await assert.rejects(leaving, /gone/);
    await assert.rejects(room.reserve(1, OTHER, gone.signal), /gone/);
    hold.release();
    await waiting.done;
    assert.equal(room.reserved, 1);
  });

  it('is given to the next in line also if one who was just let in leaves in that moment', async () => {
    const room = roomOf(8);
    const hold = await room.reserve(8);
    const gone = new AbortController();
    const leaving = room.reserve(4, HOG, gone.signal);
    const next = waitFor(room, OTHER);
    const last = waitFor(room, THIRD);
    await turns();
    hold.release();
    gone.abort(new Error('gone'));
    // It was let in before: the room is its own to give back.
    (await leaving).release();
    await Promise.all([next.done, last.done]);
    assert.equal(room.reserved, 2);
  });

  it('is refused to a body after the time that it may wait, and to one that is larger than all of it at once', async () => {
    const room = roomOf(8, 20);
    await room.reserve(8);
    await assert.rejects(room.reserve(1), { code: 'unavailable', retryAfterSeconds: 5 });
    await assert.rejects(room.reserve(9), RangeError);
    assert.equal(room.reserved, 8);
  });

  it('keeps nobody waiting behind one who waited too long', async () => {
    const room = roomOf(8, 50);
    const holds = [await room.reserve(4, HOG), await room.reserve(3, OTHER)];
    const large = room.reserve(4, THIRD);
    await turns();
    const small = room.reserve(1, 4 as UserId);
    await assert.rejects(large, { code: 'unavailable' });
    await small.catch(() => {});
    for (const hold of holds) hold.release();
  });

  it('is made by dropping what is kept, also for one who comes in the moment in which another was let in', async () => {
    const kept: SpoolReservation[] = [];
    let dropped = 0;
    const room = new SpoolQuota(8, {
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
      const hold = await room.reserve(1, HOG);
      hold.markCached();
      kept.push(hold);
    }
    const [one, other] = await Promise.all([room.reserve(2, HOG), room.reserve(1, OTHER)]);
    assert.equal(dropped, 3);
    assert.equal(room.reserved, 8);
    one.release();
    other.release();
    assert.equal(room.reserved, 5);
  });

  it('leaves a half of what is left to whoever comes next, however many come', async () => {
    const room = roomOf(100, 1_000);
    for (const by of [1, 2, 3, 4]) {
      for (let more = true; more; ) more = await letsIn(room, by as UserId);
    }
    // 50 for the first one, half of what is left for the next one, and so on.
    assert.equal(room.reserved, 50 + 25 + 12 + 6);
    await takeAll(room, 5 as UserId, 3);
  });

  it('lets in one body of a user in any case, though it is most of the room', async () => {
    const room = roomOf(8);
    const hold = await room.reserve(7, HOG);
    const waiting = waitFor(room, HOG);
    await turns();
    assert.equal(waiting.in, false);
    hold.release();
    await waiting.done;
  });

  it('counts nothing against a user of which the store has the bytes', async () => {
    const room = roomOf(8);
    const held = await takeAll(room, HOG, 4);
    const waiting = waitFor(room, HOG);
    held[0]?.markCached();
    await waiting.done;
    assert.equal(room.reserved, 5);
    for (const hold of held) hold.release();
    assert.equal(room.reserved, 1);
  });

  it('is all for a body of which nobody says whose it is', async () => {
    const room = roomOf(8);
    for (let n = 0; n < 8; n += 1) await room.reserve(1);
    assert.equal(room.reserved, 8);
  });

  it('lets everybody in in the end, and never more than there is room, whoever comes with whatever', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      const room = roomOf(20, 600_000);
      let letIn = 0;
      const all = Array.from({ length: 300 }, async () => {
        const hold = await room.reserve(1 + random.below(20), random.below(5) as UserId);
        letIn += 1;
        assert.ok(room.reserved <= room.total, `seed ${seed}`);
        for (let wait = random.below(4); wait > 0; wait -= 1) await turn();
        if (random.below(3) === 0) hold.markCached();
        await turn();
        hold.release();
      });
      await Promise.all(all);
      assert.equal(letIn, 300, `seed ${seed}`);
      assert.equal(room.reserved, 0, `seed ${seed}`);
    }
  });
});

function roomOf(total: number, timeout = 60_000): SpoolQuota {
  return new SpoolQuota(total, { timeout, evict: async () => false });
}

async function takeAll(room: SpoolQuota, by: UserId, times: number): Promise<SpoolReservation[]> {
  const holds: SpoolReservation[] = [];
  for (let n = 0; n < times; n += 1) holds.push(await room.reserve(1, by));
  return holds;
}

interface Wait {
  in: boolean;
  done: Promise<SpoolReservation>;
}

/** One byte more for a user, as soon as it is there. */
function waitFor(room: SpoolQuota, by: UserId): Wait {
  const wait: Wait = { in: false, done: room.reserve(1, by) };
  wait.done.then(
    () => {
      wait.in = true;
    },
    () => {},
  );
  return wait;
}

async function letsIn(room: SpoolQuota, by: UserId): Promise<boolean> {
  const wait = waitFor(room, by);
  await turns();
  return wait.in;
}

/** Long enough for whatever goes on by itself. */
async function turns(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await turn();
}
