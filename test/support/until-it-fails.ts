import assert from 'node:assert/strict';

/** Does something again and again, at most `tries` times, and gives what it failed with. */
export async function untilItFails(tries: number, act: (n: number) => Promise<unknown>): Promise<unknown> {
  for (let n = 0; n < tries; n++) {
    try {
      await act(n);
    } catch (error) {
      return error;
    }
  }
  return assert.fail('the disk never got full');
}
