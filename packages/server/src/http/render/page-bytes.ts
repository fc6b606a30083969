/**
 * The first entries of a page, rendered: as many as `most` bytes of JSON hold, and one at least. So that no answer is
 * larger than an operator allows, and none takes the event loop for long, whatever names and paths the entries have.
 * @param render Makes an entry; what it is not asked for costs nothing.
 */
export function renderWithinBytes<Entry>(
  entries: readonly Entry[],
  most: number,
  render: (entry: Entry) => Record<string, unknown>,
): Record<string, unknown>[] {
  const rendered: Record<string, unknown>[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const one = render(entry);
    bytes += Buffer.byteLength(JSON.stringify(one)) + 1;
    if (bytes > most && rendered.length > 0) break;
    rendered.push(one);
  }
  return rendered;
}

/** The `limit` of a page by offset: that of the request, or the number of entries where the page ends earlier. */
export function effectiveLimit(
  entries: readonly unknown[],
  { offset, limit, total }: { offset: number; limit: number; total: number },
): number {
  const isWhole = entries.length === Math.min(limit, Math.max(0, total - offset));
  return isWhole || entries.length === 0 ? limit : entries.length;
}
