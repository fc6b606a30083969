/** How long `until` waits, in milliseconds: far beyond what anything it is asked for takes on a slow machine. */
const PATIENCE = 120_000;

/** Resolves once `holds` does; rejects, saying what was waited for, where that takes longer than two minutes. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error(`waited ${PATIENCE / 1000} seconds in vain until ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
