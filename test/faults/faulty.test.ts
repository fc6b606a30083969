import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Fault, faulty } from './faulty.ts';

class Store {
  #kept: string[] = [];
  async put(item: string): Promise<number> {
    return this.#kept.push(item);
  }
  async list(): Promise<string[]> {
    return [...this.#kept];
  }
  *iterate(): Generator<string> {
    yield* this.#kept;
  }
}

describe('a faulty wrapper', () => {
  it('without faults behaves like its target', async () => {
    const shelf = faulty(new Store(), []);
    assert.equal(await shelf.put('a'), 1);
    assert.deepEqual(await shelf.list(), ['a']);
    assert.deepEqual([...shelf.iterate()], ['a']);
  });

  it('fails the n-th call before it is executed, and no other', async () => {
    const lost = new Error('lost');
    const shelf = faulty(new Store(), [{ method: 'put', call: 2, when: 'before', fail: lost }]);
    await shelf.put('a');
    await assert.rejects(shelf.put('b'), (error) => error === lost);
    await shelf.put('c');
    assert.deepEqual(await shelf.list(), ['a', 'c']);
  });

  it('fails a call after it is executed, so that its result is lost', async () => {
    const shelf = faulty(new Store(), [{ method: 'put', call: 1, when: 'after', fail: new Error('lost') }]);
    await assert.rejects(shelf.put('a'), /lost/);
    assert.deepEqual(await shelf.list(), ['a']);
  });

  it('fails every call if no number is given', async () => {
    const shelf = faulty(new Store(), [{ method: 'put', when: 'before', fail: new Error('down') }]);
    await assert.rejects(shelf.put('a'), /down/);
    await assert.rejects(shelf.put('b'), /down/);
  });

  it('delays a call until it is released, while others proceed', async () => {
    const gate = Promise.withResolvers<void>();
    const shelf = faulty(new Store(), [{ method: 'put', call: 1, when: 'before', delay: gate.promise }]);
    const first = shelf.put('a');
    await shelf.put('b');
    gate.resolve();
    await first;
    assert.deepEqual(await shelf.list(), ['b', 'a']);
  });

  it("calls a hook at the call with the call's arguments", async () => {
    const seen: unknown[] = [];
    const plan: Fault<Store>[] = [];
    const shelf = faulty(new Store(), plan);
    plan.push({ method: 'put', when: 'after', hook: (item) => seen.push(item) });
    await shelf.put('a');
    assert.deepEqual(seen, ['a']);
  });
});
