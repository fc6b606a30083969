import type { FastifyRequest } from 'fastify';
import type { FileContext } from '../../files/context.ts';
import type { ListedItem, ListOptions } from '../../files/list-items.ts';
import type { CursorPage, ItemOrder, PageCursor } from '../../files/paging.ts';
import { getView } from '../hooks/permissions.ts';
import { parseOrder, renderOrder } from '../request/item-changes.ts';
import { isTrue, parseMarker, parseOffsetPage, renderMarker } from '../request/paging.ts';
import { addLocks } from './common-fields.ts';
import { type Fields, parseFields } from './fields.ts';
import { renderListedItem, toRequestedFields } from './items.ts';
import { effectiveLimit, renderWithinBytes } from './page-bytes.ts';

type Page = Required<Pick<ListOptions, 'show' | 'wideBytes'>> & { limit: number; order: ItemOrder };

/** Loads pages of a list. */
export interface Lister {
  byOffset(page: Page & { offset: number }): Promise<{ entries: ListedItem[]; total: number }>;
  byMarker(page: Page & { marker: PageCursor | undefined }): Promise<CursorPage<ListedItem>>;
}

/** Throws `bad_request` if the query of a list is malformed. */
export function checkItemList(request: FastifyRequest): void {
  parseOffsetPage(request, { defaultLimit: 100 });
  parseMarker((request.query as { marker?: string }).marker);
  parseOrder(request);
  parseFields(request);
}

/** Renders the page of a list that a request selects, by offset or by marker. */
export async function renderItemList(
  files: FileContext,
  request: FastifyRequest,
  lister: Lister,
): Promise<Record<string, unknown>> {
  const page = parseOffsetPage(request, { defaultLimit: 100 });
  const { usemarker, marker: text } = request.query as { usemarker?: string; marker?: string };
  const marker = parseMarker(text);
  const order = parseOrder(request);
  if (!isTrue(usemarker) && marker === undefined) return renderItemPage(files, request, lister, { ...page, order });

  const fields = parseFields(request);
  const { limit } = page;
  const { entries, next, cursorAfter } = await lister.byMarker({
    marker,
    limit,
    order,
    ...toPageBounds(files, fields),
  });
  const shown = await renderEntries(files, request, entries, fields);
  const last = shown.length < entries.length ? entries[shown.length - 1] : undefined;
  const following = last === undefined ? next : cursorAfter(last);
  return {
    entries: shown,
    limit,
    order: renderOrder(marker ?? order),
    ...(following !== undefined && { next_marker: renderMarker(following) }),
  };
}

/**
 * Renders a page by offset, also for a folder's `item_collection`. A page that would be too large ends early and
 * reduces its `limit` accordingly, so that clients continue at the right offset.
 */
export async function renderItemPage(
  files: FileContext,
  request: FastifyRequest,
  lister: Pick<Lister, 'byOffset'>,
  page: { offset: number; limit: number; order: ItemOrder },
): Promise<Record<string, unknown>> {
  const fields = parseFields(request);
  const { entries, total } = await lister.byOffset({ ...page, ...toPageBounds(files, fields) });
  const shown = await renderEntries(files, request, entries, fields);
  return {
    total_count: total,
    entries: shown,
    offset: page.offset,
    limit: effectiveLimit(shown, { ...page, total }),
    order: renderOrder(page.order),
  };
}

function toPageBounds({ limits }: FileContext, fields: Fields | undefined): Pick<Page, 'show' | 'wideBytes'> {
  return { show: toRequestedFields(fields), wideBytes: limits.listBytes };
}

async function renderEntries(
  files: FileContext,
  request: FastifyRequest,
  entries: ListedItem[],
  fields: Fields | undefined,
): Promise<Record<string, unknown>[]> {
  const view = getView(files, request);
  const complete = await addLocks(files, entries, fields);
  return renderWithinBytes(complete, files.limits.listBytes, (entry) =>
    renderListedItem({ ...entry, ...view }, fields),
  );
}
