/**
 * Renders as many entries as fit in `maxBytes` of JSON, and at least one. This limits the size of responses and the
 * time that they take on the event loop, regardless of names and paths. Entries beyond the limit are not rendered.
 */
export function renderWithinBytes<Entry>(
  entries: readonly Entry[],
  maxBytes: number,
  render: (entry: Entry) => Record<string, unknown>,
): Record<string, unknown>[] {
  const rendered: Record<string, unknown>[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const one = render(entry);
    bytes += Buffer.byteLength(JSON.stringify(one)) + 1;
    if (bytes > maxBytes && rendered.length > 0) break;
    rendered.push(one);
  }
  return rendered;
}

/** Returns the `limit` of a page by offset: the requested limit, or the number of entries if the page ends early. */
export function effectiveLimit(
  entries: readonly unknown[],
  { offset, limit, total }: { offset: number; limit: number; total: number },
): number {
  const isComplete = entries.length === Math.min(limit, Math.max(0, total - offset));
  return isComplete || entries.length === 0 ? limit : entries.length;
}
