import type { TestContext } from 'node:test';

/** A steady clock and timers that move only when the test says so, in milliseconds. */
export function fakeTime(t: TestContext, start = 10_000): { advance(millis: number): void } {
  let now = start;
  t.mock.method(performance, 'now', () => now);
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  return {
    advance(millis) {
      for (let left = millis; left > 0; left -= 1) {
        now += 1;
        t.mock.timers.tick(1);
      }
    },
  };
}
