/** Time limit of `until` in milliseconds: far longer than any awaited event takes on a slow machine. */
const PATIENCE = 120_000;

/** Resolves when `holds` returns true; rejects with the condition after two minutes. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error(`waited ${PATIENCE / 1000} seconds in vain until ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
