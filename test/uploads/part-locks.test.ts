import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionId } from '../../packages/protocol/src/ids.ts';
import { PartLocks } from '../../packages/server/src/uploads/part-locks.ts';
import { createSlowBody, type SlowBody } from './bodies.ts';

const SESSION = 'A'.repeat(32) as SessionId;

test('requests whose clients disconnect while they wait for a part stop waiting immediately, and no two write it', async () => {
  const partLocks = new PartLocks();
  const writing = await partLocks.lock(SESSION, 0, createSlowBody());
  const waiting = Array.from({ length: 1_000 }, () => {
    const client = new AbortController();
    return { client, lock: partLocks.lock(SESSION, 0, Object.assign(createSlowBody(), { signal: client.signal })) };
  });
  const outcomes = Promise.allSettled(waiting.map(({ lock }) => lock));
  for (const { client } of waiting) client.abort(new Error('left'));
  // The first one is still writing; none of them had to wait for it.
  for (const outcome of await outcomes) {
    assert.equal(outcome.status === 'rejected' && outcome.reason.message, 'left');
  }

  let isWriting = true;
  const next = partLocks.lock(SESSION, 0, createSlowBody()).then((lock) => {
    assert.equal(isWriting, false, 'two requests write one part');
    return lock;
  });
  await new Promise((resolve) => setImmediate(resolve));
  isWriting = false;
  writing.release();
  (await next).release();
  await partLocks.waitIdle(SESSION);
});

test('a request whose client has already disconnected locks no part', async () => {
  const partLocks = new PartLocks();
  const body = Object.assign(createSlowBody(), { signal: AbortSignal.abort(new Error('left')) });
  await assert.rejects(partLocks.lock(SESSION, 0, body), /left/);
  (await partLocks.lock(SESSION, 0, createSlowBody())).release();
});

test('requests for other parts of a session stay registered when one of them ends', async () => {
  const partLocks = new PartLocks();
  const [ending, writing] = [await partLocks.lock(SESSION, 0, createSlowBody()), createSlowBody()];
  const held = await partLocks.lock(SESSION, 1, writing);
  ending.release();
  let isIdle = false;
  const idle = partLocks.waitIdle(SESSION).then(() => {
    isIdle = true;
  });
  const next = partLocks.lock(SESSION, 1, createSlowBody());
  assert.equal(writing.destroyed, true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isIdle, false);
  held.release();
  (await next).release();
  await idle;
});

test('a session is idle only when the writing request ends, even if a later one for its part has disconnected', async () => {
  const partLocks = new PartLocks();
  const writing = await partLocks.lock(SESSION, 0, createSlowBody());
  const client = new AbortController();
  const leaving = partLocks.lock(SESSION, 0, Object.assign(createSlowBody(), { signal: client.signal }));
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
  const bodies = [createSlowBody(), createSlowBody(), createSlowBody()];
  await partLocks.lock(SESSION, 0, bodies[0] as SlowBody);
  await partLocks.lock(SESSION, 1, bodies[1] as SlowBody);
  await partLocks.lock('B'.repeat(32) as SessionId, 0, bodies[2] as SlowBody);
  assert.ok(bodies.every(({ destroyed }) => !destroyed));
  await partLocks.waitIdle('C'.repeat(32) as SessionId);
});
