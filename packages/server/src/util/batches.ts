/** Well below the maximum number of parameters of a statement in any database. */
const MAX_PARAMETERS = 500;

/** Calls `query` with batches of `keys`, one after the other, and returns all rows. */
export async function inBatches<Key, Row>(
  keys: readonly Key[],
  query: (batch: readonly Key[]) => Promise<Row[]>,
  size = MAX_PARAMETERS,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const batch of splitIntoBatches(keys, size)) rows.push(...(await query(batch)));
  return rows;
}

/** Yields the items in batches of `size`, in order. Only the last batch can be smaller, and none is empty. */
export function* splitIntoBatches<Item>(
  items: readonly Item[],
  size = MAX_PARAMETERS,
): Generator<readonly Item[], void, undefined> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/** Like `splitIntoBatches`, for items that are still being read. Yields a batch as soon as it is complete. */
export async function* collectBatches<Item>(
  items: AsyncIterable<Item>,
  size: number,
): AsyncGenerator<readonly Item[], void, undefined> {
  let batch: Item[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
