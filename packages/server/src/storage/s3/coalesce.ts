/**
 * Makes one run of `work` serve many callers: the function it returns resolves when a run that *began after the call*
 * has ended, and rejects as that run does. Callers that come while a run is under way share the next one; two runs are
 * never under way at once.
 */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  function begin(): Promise<void> {
    next = undefined;
    current = work().finally(() => {
      // With a next round waiting, `current` stays until that one begins, so that nobody slips in a round between.
      if (next === undefined) current = undefined;
    });
    return current;
  }

  return () => {
    if (current === undefined) return begin();
    next ??= current.then(begin, begin);
    return next;
  };
}
