/**
 * Lets one run of `work` serve many callers. The returned function settles like a run that *starts after the call*. Callers
 * during a run share the next one. Runs never overlap.
 */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  function startRun(): Promise<void> {
    next = undefined;
    current = work().finally(() => {
      // If a next run is waiting, `current` stays set until it starts, so that no other run starts before it.
      if (next === undefined) current = undefined;
    });
    return current;
  }

  return () => {
    if (current === undefined) return startRun();
    next ??= current.then(startRun, startRun);
    return next;
  };
}
