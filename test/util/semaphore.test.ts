import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { forEachConcurrently } from '../../packages/cli/src/transfer/for-each-concurrently.ts';
import { Semaphore } from '../../packages/client/src/upload/semaphore.ts';

const MAX = 4;

describe('a semaphore', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('acquire' as const),
      order: fc.integer({ min: 0, max: 3 }),
      permits: fc.integer({ min: 1, max: MAX }),
    }),
    fc.record({ kind: fc.constant('release' as const), at: fc.nat() }),
    fc.record({ kind: fc.constant('abort' as const), at: fc.nat() }),
    fc.record({ kind: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: MAX }) }),
  );

  interface Caller {
    id: number;
    order: number;
    permits: number;
    cancel: AbortController;
  }

  test('admits callers by their number, then by their arrival, and never more than its permits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const semaphore = new Semaphore(MAX);
        const entered: number[] = [];
        const left: number[] = [];
        const model = { limit: MAX, waiting: [] as Caller[], inside: [] as Caller[], entered: [] as number[] };
        const admit = () => {
          model.waiting.sort((a, b) => a.order - b.order || a.id - b.id);
          const acquired = () => model.inside.reduce((sum, { permits }) => sum + permits, 0);
          for (;;) {
            const [next] = model.waiting;
            if (next === undefined || acquired() + next.permits > model.limit) return;
            model.waiting.shift();
            model.inside.push(next);
            model.entered.push(next.id);
          }
        };
        for (const [id, one] of steps.entries()) {
          if (one.kind === 'acquire') {
            const caller = { id, order: one.order, permits: one.permits, cancel: new AbortController() };
            void semaphore.acquire(caller.cancel.signal, one).then(
              () => entered.push(id),
              () => left.push(id),
            );
            model.waiting.push(caller);
          } else if (one.kind === 'release' && model.inside.length > 0) {
            const [caller] = model.inside.splice(one.at % model.inside.length, 1);
            semaphore.release(caller?.permits);
          } else if (one.kind === 'abort' && model.waiting.length > 0) {
            const [caller] = model.waiting.splice(one.at % model.waiting.length, 1);
            caller?.cancel.abort();
            await Promise.resolve();
            assert.equal(left.at(-1), caller?.id);
          } else if (one.kind === 'limit') {
            model.limit = one.limit;
            semaphore.limit = one.limit;
          }
          admit();
          await Promise.resolve();
          assert.deepEqual(entered, model.entered);
        }
        // Nobody is forgotten: with all permits free, everybody enters.
        semaphore.limit = MAX;
        model.limit = MAX;
        for (admit(); model.inside.length > 0; admit()) semaphore.release(model.inside.shift()?.permits);
        await new Promise(setImmediate);
        assert.deepEqual(entered, model.entered);
      }),
    );
  });

  test('does not admit a caller whose signal is aborted, and rejects with its reason', async () => {
    const semaphore = new Semaphore(1);
    await assert.rejects(semaphore.acquire(AbortSignal.abort(new Error('gone'))), /gone/);
    await semaphore.acquire(new AbortController().signal);
  });

  test('an abort of one who is inside changes nothing', async () => {
    const semaphore = new Semaphore(1);
    const cancel = new AbortController();
    await semaphore.acquire(cancel.signal);
    cancel.abort();
    const next = semaphore.acquire(new AbortController().signal);
    semaphore.release();
    await next;
  });
});

describe('work for each item of a stream', () => {
  const permits = fc.array(fc.integer({ min: 1, max: MAX }), { maxLength: 20 });

  async function* streamOf<T>(items: readonly T[]) {
    yield* items;
  }

  test('starts in order, is done for every item, and never has more permits than there are', async () => {
    await fc.assert(
      fc.asyncProperty(permits, fc.scheduler(), async (all, scheduler) => {
        const started: number[] = [];
        let [acquired, done] = [0, 0];
        const running = forEachConcurrently(
          streamOf([...all.entries()]),
          { max: MAX, permitsFor: ([, permits]) => permits },
          async ([index, permits]) => {
            started.push(index);
            acquired += permits;
            assert.ok(acquired <= MAX);
            await scheduler.schedule(Promise.resolve());
            acquired -= permits;
            done += 1;
          },
          new AbortController().signal,
        );
        await scheduler.waitFor(running);
        assert.deepEqual(started, [...all.keys()]);
        assert.equal(done, all.length);
      }),
    );
  });

  test('starts no item after an abort, and waits for those that have started', async () => {
    await fc.assert(
      fc.asyncProperty(permits, fc.nat({ max: 20 }), fc.scheduler(), async (all, abortAt, scheduler) => {
        const cancel = new AbortController();
        let [started, done] = [0, 0];
        const running = forEachConcurrently(
          streamOf([...all.entries()]),
          { max: MAX, permitsFor: ([, permits]) => permits },
          async ([index]) => {
            assert.ok(!cancel.signal.aborted);
            started += 1;
            if (index === abortAt) cancel.abort();
            await scheduler.schedule(Promise.resolve());
            done += 1;
          },
          cancel.signal,
        );
        await scheduler.waitFor(running);
        assert.equal(started, Math.min(abortAt + 1, all.length));
        assert.equal(done, started);
      }),
    );
  });

  test('an error of the stream comes out after the work that has started', async () => {
    let done = 0;
    async function* fails() {
      yield 1;
      throw new Error('unreadable');
    }
    const work = async () => {
      await new Promise(setImmediate);
      done += 1;
    };
    await assert.rejects(forEachConcurrently(fails(), { max: 2 }, work, new AbortController().signal), /unreadable/);
    assert.equal(done, 1);
  });
});
