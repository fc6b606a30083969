import assert from 'node:assert/strict';

/** Repeats an action up to `tries` times and returns the error with which it failed. */
export async function untilItFails(tries: number, act: (n: number) => Promise<unknown>): Promise<unknown> {
  for (let n = 0; n < tries; n++) {
    try {
      await act(n);
    } catch (error) {
      return error;
    }
  }
  return assert.fail('the disk did not become full');
}
