import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Fault, faulty } from './faulty.ts';

class Shelf {
  #kept: string[] = [];
  async put(thing: string): Promise<number> {
    return this.#kept.push(thing);
  }
  async all(): Promise<string[]> {
    return [...this.#kept];
  }
  *each(): Generator<string> {
    yield* this.#kept;
  }
}

describe('a faulty wrapper', () => {
  it('without faults is the thing itself', async () => {
    const shelf = faulty(new Shelf(), []);
    assert.equal(await shelf.put('a'), 1);
    assert.deepEqual(await shelf.all(), ['a']);
    assert.deepEqual([...shelf.each()], ['a']);
  });

  it('fails the n-th call before it is done, and that call alone', async () => {
    const lost = new Error('lost');
    const shelf = faulty(new Shelf(), [{ method: 'put', call: 2, when: 'before', fail: lost }]);
    await shelf.put('a');
    await assert.rejects(shelf.put('b'), (error) => error === lost);
    await shelf.put('c');
    assert.deepEqual(await shelf.all(), ['a', 'c']);
  });

  it('fails a call after it is done, so that its answer is lost', async () => {
    const shelf = faulty(new Shelf(), [{ method: 'put', call: 1, when: 'after', fail: new Error('lost') }]);
    await assert.rejects(shelf.put('a'), /lost/);
    assert.deepEqual(await shelf.all(), ['a']);
  });

  it('fails every call where none is named', async () => {
    const shelf = faulty(new Shelf(), [{ method: 'put', when: 'before', fail: new Error('down') }]);
    await assert.rejects(shelf.put('a'), /down/);
    await assert.rejects(shelf.put('b'), /down/);
  });

  it('holds a call back until it is let go, while others pass', async () => {
    const gate = Promise.withResolvers<void>();
    const shelf = faulty(new Shelf(), [{ method: 'put', call: 1, when: 'before', delay: gate.promise }]);
    const first = shelf.put('a');
    await shelf.put('b');
    gate.resolve();
    await first;
    assert.deepEqual(await shelf.all(), ['b', 'a']);
  });

  it('calls a hook at the call, with what the call was given', async () => {
    const seen: unknown[] = [];
    const plan: Fault<Shelf>[] = [];
    const shelf = faulty(new Shelf(), plan);
    plan.push({ method: 'put', when: 'after', hook: (thing) => seen.push(thing) });
    await shelf.put('a');
    assert.deepEqual(seen, ['a']);
  });
});
