import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransferLanes } from '../../packages/cli/src/transfer/lanes.ts';
import { until } from '../support/until.ts';

const SMALL = 1;
const LARGE = 20_000_000;

test('no file is started after an interrupt, even if a larger one ahead of it stops waiting', async () => {
  const lanes = new TransferLanes();
  const interrupt = new AbortController();
  const started: string[] = [];
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  const run = (name: string, size: number) =>
    lanes.run(size, interrupt.signal, async () => {
      started.push(name);
      await finished;
    });
  const inProgress = run('first', SMALL);
  await until(() => started.length === 1);
  const waiting = [run('large', LARGE), run('second', SMALL), run('third', SMALL)].map((one) =>
    assert.rejects(one, /interrupted/),
  );
  interrupt.abort(new Error('interrupted'));
  await Promise.all(waiting);
  finish();
  await inProgress;
  assert.deepEqual(started, ['first']);
});

test('the lanes are free again after an interrupt', async () => {
  const lanes = new TransferLanes();
  const interrupt = new AbortController();
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  let started = false;
  const inProgress = lanes.run(SMALL, interrupt.signal, () => {
    started = true;
    return finished;
  });
  await until(() => started);
  const waiting = [LARGE, SMALL, SMALL].map((size) =>
    assert.rejects(
      lanes.run(size, interrupt.signal, async () => {}),
      /interrupted/,
    ),
  );
  interrupt.abort(new Error('interrupted'));
  await Promise.all(waiting);
  finish();
  await inProgress;
  assert.equal(await lanes.run(LARGE, new AbortController().signal, async () => 'done'), 'done');
});
