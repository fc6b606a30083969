import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionId } from '../../packages/protocol/src/ids.ts';
import { PartLocks } from '../../packages/server/src/uploads/part-locks.ts';
import { type SlowBody, slowBody } from './bodies.ts';

const SESSION = 'A'.repeat(32) as SessionId;

test('requests whose clients leave while they wait for a slot stop waiting at once, and never let two write it', async () => {
  const partLocks = new PartLocks();
  const writing = await partLocks.lock(SESSION, 0, slowBody());
  const waiting = Array.from({ length: 1_000 }, () => {
    const client = new AbortController();
    return { client, taken: partLocks.lock(SESSION, 0, Object.assign(slowBody(), { signal: client.signal })) };
  });
  const outcomes = Promise.allSettled(waiting.map(({ taken }) => taken));
  for (const { client } of waiting) client.abort(new Error('left'));
  // The first still writes: none of them had to wait for that.
  for (const outcome of await outcomes) {
    assert.equal(outcome.status === 'rejected' && outcome.reason.message, 'left');
  }

  let isWriting = true;
  const next = partLocks.lock(SESSION, 0, slowBody()).then((lock) => {
    assert.equal(isWriting, false, 'two requests write one slot');
    return lock;
  });
  await new Promise((resolve) => setImmediate(resolve));
  isWriting = false;
  writing.release();
  (await next).release();
  await partLocks.waitIdle(SESSION);
});

test('a request whose client has left already takes no slot', async () => {
  const partLocks = new PartLocks();
  const body = Object.assign(slowBody(), { signal: AbortSignal.abort(new Error('left')) });
  await assert.rejects(partLocks.lock(SESSION, 0, body), /left/);
  (await partLocks.lock(SESSION, 0, slowBody())).release();
});

test('the requests for other parts of a session are still known when one of them ends', async () => {
  const partLocks = new PartLocks();
  const [ending, writing] = [await partLocks.lock(SESSION, 0, slowBody()), slowBody()];
  const held = await partLocks.lock(SESSION, 1, writing);
  ending.release();
  let isIdle = false;
  const idle = partLocks.waitIdle(SESSION).then(() => {
    isIdle = true;
  });
  const next = partLocks.lock(SESSION, 1, slowBody());
  assert.equal(writing.destroyed, true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isIdle, false);
  held.release();
  (await next).release();
  await idle;
});

test('a session is idle only when the request ends that still writes, though a later one for its part has left', async () => {
  const partLocks = new PartLocks();
  const writing = await partLocks.lock(SESSION, 0, slowBody());
  const client = new AbortController();
  const leaving = partLocks.lock(SESSION, 0, Object.assign(slowBody(), { signal: client.signal }));
  client.abort(new Error('left'));
  await assert.rejects(leaving, /left/);
  let isIdle = false;
  const idle = partLocks.waitIdle(SESSION).then(() => {
    isIdle = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isIdle, false);
  writing.release();
  await idle;
});

test('requests for one part of two sessions, or for two parts of one, do not wait for each other', async () => {
  const partLocks = new PartLocks();
  const bodies = [slowBody(), slowBody(), slowBody()];
  await partLocks.lock(SESSION, 0, bodies[0] as SlowBody);
  await partLocks.lock(SESSION, 1, bodies[1] as SlowBody);
  await partLocks.lock('B'.repeat(32) as SessionId, 0, bodies[2] as SlowBody);
  assert.ok(bodies.every(({ destroyed }) => !destroyed));
  await partLocks.waitIdle('C'.repeat(32) as SessionId);
});
