import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { WorkerClient, workerUrl } from '../../packages/server/src/util/worker-client.ts';
import type { ScriptedRequest } from './scripted-thread.ts';

const THREAD = workerUrl('scripted-thread', import.meta.url);

function open(explain = (cause: Error): Error => cause) {
  const worker = new Worker(THREAD, { execArgv: [], stderr: true });
  const refs: ('ref' | 'unref')[] = [];
  for (const name of ['ref', 'unref'] as const) {
    const original = worker[name].bind(worker);
    worker[name] = () => {
      refs.push(name);
      return original();
    };
  }
  const client = new WorkerClient<ScriptedRequest, unknown>(worker, explain);
  return { client, worker, refs, close: () => client.terminate(new Error('closed')) };
}

describe('a client of a thread', () => {
  let thread: ReturnType<typeof open>;
  before(() => {
    thread = open();
  });
  after(() => thread.close());

  test('gives every request its own reply, in any order', async () => {
    const values = fc.array(fc.integer(), { maxLength: 20 });
    const run = values.chain((values) =>
      fc.record({
        values: fc.constant(values),
        order: fc.shuffledSubarray([...values.keys()], { minLength: values.length }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(run, async ({ values, order }) => {
        const { client, refs } = thread;
        refs.length = 0;
        const arrived: number[] = [];
        const replies = values.map((value, index) =>
          client.request({ kind: 'wait', value }).then((reply) => {
            arrived.push(index);
            return reply;
          }),
        );
        assert.equal(client.pending, values.length);
        await client.request({ kind: 'answer', order });
        assert.deepEqual(await Promise.all(replies), values);
        assert.deepEqual(arrived, order);
        assert.equal(client.pending, 0);
        assert.deepEqual(refs, ['ref', 'unref'], 'it keeps the process running as long as something is pending');
      }),
      { numRuns: 50 },
    );
  });

  test('sends requests in order, also those without a reply', async () => {
    const { client } = thread;
    client.send({ kind: 'wait', value: 1 });
    const reply = client.request({ kind: 'wait', value: 2 });
    assert.equal(client.pending, 1);
    await client.request({ kind: 'answer', order: [0, 1] });
    assert.equal(await reply, 2);
    assert.equal(client.pending, 0);
  });

  test('hands over buffers', async () => {
    const { client } = thread;
    const bytes = new Uint8Array([1, 2, 3]);
    assert.deepEqual(await client.request({ kind: 'echo', value: bytes }, [bytes.buffer]), new Uint8Array([1, 2, 3]));
    assert.equal(bytes.length, 0);
  });

  test('rejects a request that cannot be sent, and nothing else', async () => {
    const { client } = thread;
    await assert.rejects(client.request({ kind: 'echo', value: () => {} }), { name: 'DataCloneError' });
    assert.equal(client.pending, 0);
    assert.equal(await client.request({ kind: 'echo', value: 1 }), 1);
  });
});

describe('a thread that ends', () => {
  const endings: [string, ScriptedRequest, RegExp][] = [
    ['that exits', { kind: 'exit', code: 3 }, /exited unexpectedly with code 3/],
    ['that throws', { kind: 'throw', message: 'broken' }, /broken/],
  ];
  for (const [name, ending, cause] of endings) {
    test(`${name} rejects all that is pending, and every later request, with one error`, async () => {
      const explained: Error[] = [];
      const { client } = open((cause) => {
        explained.push(cause);
        return new Error('lost', { cause });
      });
      assert.equal(await client.request({ kind: 'echo', value: 1 }), 1);
      const { lostError: before } = client;
      assert.equal(before, undefined);
      const pending = [1, 2, 3].map((value) => client.request({ kind: 'wait', value }));
      const results = await Promise.allSettled([...pending, client.request(ending)]);
      const { lostError } = client;
      assert.equal(lostError?.message, 'lost');
      assert.match((lostError.cause as Error).message, cause);
      for (const result of results) assert.equal((result as PromiseRejectedResult).reason, lostError);
      await assert.rejects(client.request({ kind: 'echo', value: 1 }), (error) => error === lostError);
      client.send({ kind: 'echo', value: 1 });
      assert.equal(client.pending, 0);
      await new Promise(setImmediate);
      assert.deepEqual(explained, [lostError.cause], 'it is explained once');
    });
  }

  test('when it is told to rejects what is pending with the given error, and explains nothing', async () => {
    const { client } = open(() => assert.fail('it did not end by itself'));
    const pending = client.request({ kind: 'wait', value: 1 });
    const rejected = assert.rejects(pending, /enough/);
    await client.terminate(new Error('enough'));
    await rejected;
    await assert.rejects(client.request({ kind: 'echo', value: 1 }), /enough/);
    await client.terminate(new Error('again'));
    assert.equal(client.lostError?.message, 'enough');
  });

  test('that cannot start rejects its requests', async () => {
    const worker = new Worker(workerUrl('no-such-thread', import.meta.url), { execArgv: [] });
    const client = new WorkerClient<ScriptedRequest, unknown>(worker, (cause) => new Error('lost', { cause }));
    await assert.rejects(client.request({ kind: 'echo', value: 1 }), /lost/);
  });
});

test('an idle thread does not keep a process running, and one with a pending request does', () => {
  const script = (rest: string) => `
    import { Worker } from 'node:worker_threads';
    const { WorkerClient } = await import(${JSON.stringify(
      new URL('../../packages/server/src/util/worker-client.ts', import.meta.url).href,
    )});
    const client = new WorkerClient(new Worker(new URL(${JSON.stringify(THREAD.href)}), { execArgv: [] }), (cause) => cause);
    console.log(await client.request({ kind: 'echo', value: 'reply' }));
    ${rest}
  `;
  const run = (rest: string, timeout: number) =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', script(rest)], { timeout, encoding: 'utf8' });
  const idle = run('', 120_000);
  assert.deepEqual([idle.status, idle.stdout], [0, 'reply\n']);
  const busy = run(
    "setTimeout(() => client.send({ kind: 'answer', order: [0] }), 500).unref();" +
      "console.log(await client.request({ kind: 'wait', value: 'late' }));",
    120_000,
  );
  assert.deepEqual([busy.status, busy.stdout], [0, 'reply\nlate\n']);
});
