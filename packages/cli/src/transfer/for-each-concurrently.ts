/** Calls `work` for each item, for up to `max` items concurrently, until `signal` is aborted. Rejects with errors of `items`. */
export async function forEachConcurrently<Item>(
  items: AsyncIterable<Item>,
  max: number,
  work: (item: Item) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let freed = Promise.withResolvers<void>();
  try {
    for await (const item of items) {
      if (signal.aborted) break;
      while (running.size >= max) await freed.promise;
      const task: Promise<void> = work(item).finally(() => {
        running.delete(task);
        freed.resolve();
        freed = Promise.withResolvers<void>();
      });
      running.add(task);
    }
  } finally {
    await Promise.all(running);
  }
}
