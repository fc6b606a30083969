/** From this size on a file goes up in parts; up or down, it fills the line by itself. */
export const SMALL_BYTES = 20_000_000;
const SMALL_AT_A_TIME = 4;

/**
 * Does the work for each file in its order: up to four small ones at a time, a large one alone. Until `signal` is aborted;
 * then nothing more is begun.
 */
export async function sideBySide<File extends { size: number }>(
  files: AsyncIterable<File>,
  work: (file: File) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const running = new Set<Promise<void>>();
  try {
    for await (const file of files) {
      if (signal.aborted) break;
      const small = file.size < SMALL_BYTES;
      while (running.size >= (small ? SMALL_AT_A_TIME : 1)) await Promise.race(running);
      const one: Promise<void> = work(file).finally(() => running.delete(one));
      running.add(one);
      if (!small) await one;
    }
  } finally {
    await Promise.all(running);
  }
}
