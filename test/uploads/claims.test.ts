import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionId } from '../../packages/protocol/src/ids.ts';
import { Claims } from '../../packages/server/src/uploads/part-locks.ts';
import { slowBody } from './bodies.ts';

const SESSION = 'A'.repeat(32) as SessionId;

test('requests whose clients leave while they wait for a slot stop waiting at once, and never let two write it', async () => {
  const claims = new Claims();
  const writing = await claims.take(SESSION, 0, slowBody());
  const waiting = Array.from({ length: 1_000 }, () => {
    const client = new AbortController();
    return { client, taken: claims.take(SESSION, 0, Object.assign(slowBody(), { signal: client.signal })) };
  });
  const outcomes = Promise.allSettled(waiting.map(({ taken }) => taken));
  for (const { client } of waiting) client.abort(new Error('left'));
  // The first still writes: none of them had to wait for that.
  for (const outcome of await outcomes) {
    assert.equal(outcome.status === 'rejected' && outcome.reason.message, 'left');
  }

  let isWriting = true;
  const next = claims.take(SESSION, 0, slowBody()).then((claim) => {
    assert.equal(isWriting, false, 'two requests write one slot');
    return claim;
  });
  await new Promise((resolve) => setImmediate(resolve));
  isWriting = false;
  writing.giveBack();
  (await next).giveBack();
  await claims.settled(SESSION);
});

test('a request whose client has left already takes no slot', async () => {
  const claims = new Claims();
  const body = Object.assign(slowBody(), { signal: AbortSignal.abort(new Error('left')) });
  await assert.rejects(claims.take(SESSION, 0, body), /left/);
  (await claims.take(SESSION, 0, slowBody())).giveBack();
});
