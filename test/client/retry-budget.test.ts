import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ApiError } from '../../packages/client/src/errors.ts';
import { RetryBudget } from '../../packages/client/src/upload/retry-budget.ts';
import type { UploadEvent } from '../../packages/client/src/upload-options.ts';
import { fakeTime } from './fake-time.ts';

const step = { what: 'commit' } as const;
const unavailable = new ApiError({ message: 'Down.', status: 503, code: 'unavailable', call: '' });
const refused = new ApiError({ message: 'No.', status: 400, code: 'bad_request', call: '' });

/** A budget whose waits are as short as possible, and an operation that fails as told. */
function open(t: TestContext, patience: number, signal?: AbortSignal) {
  const time = fakeTime(t);
  t.mock.method(Math, 'random', () => 0);
  const events: Extract<UploadEvent, { type: 'retrying' }>[] = [];
  const budget = new RetryBudget(patience, signal, (event) => {
    if (event.type === 'retrying') events.push(event);
  });
  /** Lets waiting code run, with the clock this much later. */
  async function advance(millis: number): Promise<void> {
    await new Promise(setImmediate);
    time.advance(millis);
    await new Promise(setImmediate);
  }
  return { budget, events, advance };
}

/** Fails with these errors one after the other, then succeeds. */
function failing(...errors: Error[]) {
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    act: async () => {
      const error = errors[calls];
      calls += 1;
      if (error !== undefined) throw error;
      return 'done';
    },
  };
}

test('each wait is twice as long as the one before, and is announced', async (t) => {
  const { budget, events, advance } = open(t, 60_000);
  const operation = failing(unavailable, unavailable, unavailable);
  const result = budget.retry(step, operation.act);
  for (const [millis, calls] of [
    [199, 1],
    [1, 2],
    [399, 2],
    [1, 3],
    [800, 4],
  ] as const) {
    await advance(millis);
    assert.equal(operation.calls, calls);
  }
  assert.equal(await result, 'done');
  assert.deepEqual(
    events.map(({ what, waitMillis, outage, error, message }) => [what, waitMillis, outage, error, message]),
    [
      ['commit', 200, 1, unavailable, 'Down. Retrying in 0.2 s.'],
      ['commit', 400, 1, unavailable, 'Down. Retrying in 0.4 s.'],
      ['commit', 800, 1, unavailable, 'Down. Retrying in 0.8 s.'],
    ],
  );
});

test('an error that a retry cannot fix is thrown at once', async (t) => {
  const { budget, events } = open(t, 60_000);
  const operation = failing(refused);
  await assert.rejects(budget.retry(step, operation.act), refused);
  assert.deepEqual([operation.calls, events.length], [1, 0]);
});

test('retries end when the time without success would be over', async (t) => {
  const { budget, advance } = open(t, 600);
  const operation = failing(unavailable, unavailable, unavailable);
  const ended = assert.rejects(budget.retry(step, operation.act), unavailable);
  await advance(200);
  await advance(400);
  await ended;
  assert.equal(operation.calls, 3);
});

test('a success restarts the time and ends the outage, unless it is a mere query', async (t) => {
  const { budget, events, advance } = open(t, 300);
  async function failOnce(options = {}): Promise<string> {
    const [result] = await Promise.allSettled([budget.retry(step, failing(unavailable).act, options), advance(200)]);
    return result.status;
  }
  assert.equal(await failOnce(), 'fulfilled');
  assert.equal(await failOnce(), 'fulfilled');
  assert.equal(await failOnce({ isProgress: false }), 'fulfilled');
  assert.equal(await failOnce(), 'rejected');
  assert.deepEqual(
    events.map(({ outage }) => outage),
    [1, 2, 3],
  );
  budget.recordSuccess();
  assert.equal(await failOnce(), 'fulfilled');
});

test('a canceled upload does not retry, and stops waiting', async (t) => {
  const cancel = new AbortController();
  const { budget, events, advance } = open(t, 60_000, cancel.signal);
  const operation = failing(unavailable);
  const ended = assert.rejects(budget.retry(step, operation.act), /canceled/);
  await advance(100);
  cancel.abort(new Error('canceled'));
  await ended;
  await assert.rejects(budget.retry(step, failing(unavailable).act), /canceled/);
  assert.deepEqual([operation.calls, events.length], [1, 1]);
});
