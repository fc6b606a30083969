import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';

test('a byte budget grants exactly what it has, and again what was released', () => {
  const budget = new ByteBudget(10);
  assert.ok(budget.tryReserve(4));
  assert.ok(budget.tryReserve(6));
  assert.ok(!budget.tryReserve(1));
  assert.equal(budget.reserved, 10);
  budget.release(6);
  assert.equal(budget.reserved, 4);
  assert.ok(!budget.tryReserve(7));
  assert.ok(budget.tryReserve(6));
});

test('a byte budget counts received bytes instead of reserved ones, even if they exceed its size', () => {
  const budget = new ByteBudget(10);
  budget.tryReserve(8);
  budget.exchange(8, 3);
  assert.equal(budget.reserved, 3);
  budget.exchange(3, 30);
  assert.equal(budget.reserved, 30);
  assert.ok(!budget.tryReserve(1));
  budget.release(30);
  assert.ok(budget.tryReserve(10));
});

test('a byte budget is 32 MiB by default', () => {
  const budget = new ByteBudget();
  assert.ok(budget.tryReserve(32 * 2 ** 20));
  assert.ok(!budget.tryReserve(1));
});
