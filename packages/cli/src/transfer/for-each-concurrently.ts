import { Semaphore } from '@partway/client/upload/semaphore';

interface Concurrency<Item> {
  max: number;
  /** How many of `max` an item counts for. Default: 1. */
  permitsFor?: (item: Item) => number;
}

/**
 * Calls `work` for each item, in order, for up to `max` items concurrently. Starts no more items after `signal` is aborted.
 * Rejects with errors of `items`.
 */
export async function forEachConcurrently<Item>(
  items: AsyncIterable<Item>,
  { max, permitsFor = () => 1 }: Concurrency<Item>,
  work: (item: Item) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const semaphore = new Semaphore(max);
  const running = new Set<Promise<void>>();
  try {
    for await (const item of items) {
      const permits = permitsFor(item);
      await semaphore.acquire(signal, { permits }).catch(() => {});
      if (signal.aborted) break;
      const task: Promise<void> = work(item).finally(() => {
        running.delete(task);
        semaphore.release(permits);
      });
      running.add(task);
    }
  } finally {
    await Promise.all(running);
  }
}
