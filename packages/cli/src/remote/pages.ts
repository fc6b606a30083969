/** A page of a list, and where the next one starts. */
interface Page<Entry> {
  entries: readonly Entry[];
  next_marker?: string | null | undefined;
}

const PAGE_SIZE = 1000;

/** Yields the entries of a list, page by page. `getPage` is called with the query of each page. */
export async function* listPages<Entry>(
  getPage: (query: { limit: number; marker?: string }) => Promise<Page<Entry>>,
): AsyncGenerator<Entry> {
  let marker: string | undefined;
  do {
    const page = await getPage({ limit: PAGE_SIZE, ...(marker !== undefined && { marker }) });
    yield* page.entries;
    marker = page.next_marker ?? undefined;
  } while (marker !== undefined);
}
