/** Well below what a statement takes as parameters anywhere. */
const BATCH = 500;

/** Asks for many keys in several statements, and gives all that was answered. */
export async function inBatches<Key, Row>(
  keys: readonly Key[],
  ask: (batch: readonly Key[]) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let from = 0; from < keys.length; from += BATCH) rows.push(...(await ask(keys.slice(from, from + BATCH))));
  return rows;
}
