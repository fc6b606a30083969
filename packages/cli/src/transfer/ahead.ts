/** Does the work for each item as it comes, for up to `most` items at a time; rejects with the first error of `items`. */
export async function prefetchMapped<Item>(
  items: AsyncIterable<Item>,
  most: number,
  work: (item: Item) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let room = Promise.withResolvers<void>();
  try {
    for await (const item of items) {
      if (signal.aborted) break;
      while (running.size >= most) await room.promise;
      const one: Promise<void> = work(item).finally(() => {
        running.delete(one);
        room.resolve();
        room = Promise.withResolvers<void>();
      });
      running.add(one);
    }
  } finally {
    await Promise.all(running);
  }
}
