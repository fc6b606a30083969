import type { FastifyRequest } from 'fastify';
import type { FileContext } from '../../files/context.ts';
import type { ListedItem, ListOptions } from '../../files/list-items.ts';
import type { CursorPage, ItemOrder, PageCursor } from '../../files/paging.ts';
import { getView } from '../hooks/permissions.ts';
import { parseOrder, renderOrder } from '../request/item-changes.ts';
import { isTrue, parseMarker, parseOffsetPage, renderMarker } from '../request/paging.ts';
import { withLocks } from './common-fields.ts';
import { type Fields, fieldsOf } from './fields.ts';
import { renderListed, shownInList } from './items.ts';
import { limitShown, withinBytes } from './page-bytes.ts';

type Page = Required<Pick<ListOptions, 'show' | 'wideBytes'>> & { limit: number; order: ItemOrder };

/** A list of items, as the domain gives it. */
export interface Lister {
  byOffset(page: Page & { offset: number }): Promise<{ entries: ListedItem[]; total: number }>;
  byMarker(page: Page & { marker: PageCursor | undefined }): Promise<CursorPage<ListedItem>>;
}

/** Refuses what is malformed in the query of a list. */
export function checkItemList(request: FastifyRequest): void {
  parseOffsetPage(request, { defaultLimit: 100 });
  parseMarker((request.query as { marker?: string }).marker);
  parseOrder(request);
  fieldsOf(request);
}

/** The page of a list that a request asks for, by offset or by marker. */
export async function itemList(
  files: FileContext,
  request: FastifyRequest,
  lister: Lister,
): Promise<Record<string, unknown>> {
  const page = parseOffsetPage(request, { defaultLimit: 100 });
  const { usemarker, marker: text } = request.query as { usemarker?: string; marker?: string };
  const marker = parseMarker(text);
  const order = parseOrder(request);
  if (!isTrue(usemarker) && marker === undefined) return itemPage(files, request, lister, { ...page, order });

  const fields = fieldsOf(request);
  const { limit } = page;
  const { entries, next, cursorAfter } = await lister.byMarker({ marker, limit, order, ...boundsOf(files, fields) });
  const shown = await rendered(files, request, entries, fields);
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
 * A page by offset; also a folder's own `item_collection`. One that would be too large ends earlier and says so by its
 * `limit`, at which clients go on.
 */
export async function itemPage(
  files: FileContext,
  request: FastifyRequest,
  lister: Pick<Lister, 'byOffset'>,
  page: { offset: number; limit: number; order: ItemOrder },
): Promise<Record<string, unknown>> {
  const fields = fieldsOf(request);
  const { entries, total } = await lister.byOffset({ ...page, ...boundsOf(files, fields) });
  const shown = await rendered(files, request, entries, fields);
  return {
    total_count: total,
    entries: shown,
    offset: page.offset,
    limit: limitShown(shown, { ...page, total }),
    order: renderOrder(page.order),
  };
}

function boundsOf({ limits }: FileContext, fields: Fields | undefined): Pick<Page, 'show' | 'wideBytes'> {
  return { show: shownInList(fields), wideBytes: limits.listBytes };
}

async function rendered(
  files: FileContext,
  request: FastifyRequest,
  entries: ListedItem[],
  fields: Fields | undefined,
): Promise<Record<string, unknown>[]> {
  const view = getView(request);
  const complete = await withLocks(files, entries, fields);
  return withinBytes(complete, files.limits.listBytes, (entry) => renderListed({ ...entry, ...view }, fields));
}
