import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LRUCache } from 'lru-cache';
import { PinnedLru } from '../../packages/server/src/util/pinned-lru.ts';

interface Entry {
  pinned: boolean;
}

/** The same map as a list of keys and values, the least recently used first. */
class Model {
  readonly max: number;
  entries: [number, Entry][] = [];
  readonly evicted: number[] = [];

  constructor(max: number) {
    this.max = max;
  }

  get(key: number): Entry | undefined {
    return this.entries.find(([other]) => other === key)?.[1];
  }

  set(key: number, value: Entry): void {
    this.delete(key);
    for (const [oldest, { pinned }] of this.entries) {
      if (this.entries.length < this.max) break;
      if (pinned) continue;
      this.delete(oldest);
      this.evicted.push(oldest);
    }
    this.entries.push([key, value]);
  }

  delete(key: number): void {
    this.entries = this.entries.filter(([other]) => other !== key);
  }
}

const key = fc.integer({ min: 0, max: 8 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, pinned: fc.boolean() }),
  fc.record({ kind: fc.constant('get' as const), key }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({ kind: fc.constant('unpin' as const), key }),
);

test('a map with pins is the list of its last used keys, without those that a model evicts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (max, steps) => {
      const model = new Model(max);
      const evicted: number[] = [];
      const map = new PinnedLru<number, Entry>({
        max,
        isPinned: ({ pinned }) => pinned,
        onEvict: (key) => evicted.push(key),
      });
      for (const one of steps) {
        const entry = map.get(one.key);
        assert.equal(entry, model.get(one.key));
        if (one.kind === 'set') {
          const value = entry ?? { pinned: one.pinned };
          map.set(one.key, value);
          model.set(one.key, value);
        } else if (one.kind === 'delete') {
          map.delete(one.key);
          model.delete(one.key);
        } else if (one.kind === 'unpin' && entry !== undefined) {
          entry.pinned = false;
        }
        assert.deepEqual(
          [...map.values()],
          model.entries.map(([, value]) => value),
        );
        assert.deepEqual(evicted, model.evicted);
      }
    }),
  );
});

test('a map with pins keeps pinned entries over its limit, and then replaces what is not pinned', () => {
  const map = new PinnedLru<string, Entry>({ max: 1, isPinned: ({ pinned }) => pinned });
  map.set('a', { pinned: true });
  map.set('b', { pinned: true });
  map.set('c', { pinned: false });
  assert.equal([...map.values()].length, 3);
  map.set('d', { pinned: false });
  assert.deepEqual([map.get('a'), map.get('b')], [{ pinned: true }, { pinned: true }]);
  assert.deepEqual([map.get('c'), map.get('d')], [undefined, { pinned: false }]);
});

// What our caches rely on, so that a new version of the library cannot change it unnoticed.
test('the library evicts the least recently used key, counts `get` and `set` as uses, but not `peek` or `has`', () => {
  const access = fc.record({ kind: fc.constantFrom('set', 'get', 'peek', 'has', 'delete'), key });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(access, { maxLength: 60 }), (max, accesses) => {
      const cache = new LRUCache<number, number>({ max });
      let keys: number[] = [];
      for (const [at, { kind, key }] of accesses.entries()) {
        const rest = keys.filter((other) => other !== key);
        if (kind === 'set') {
          cache.set(key, at);
          keys = [...rest, key].slice(-max);
        } else if (kind === 'delete') {
          cache.delete(key);
          keys = rest;
        } else if (kind === 'has') {
          assert.equal(cache.has(key), keys.includes(key));
        } else {
          assert.equal((kind === 'get' ? cache.get(key) : cache.peek(key)) !== undefined, keys.includes(key));
          if (kind === 'get' && keys.includes(key)) keys = [...rest, key];
        }
        assert.deepEqual([...cache.rkeys()], keys);
      }
    }),
  );
});
