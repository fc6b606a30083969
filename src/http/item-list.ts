import type { FastifyRequest } from 'fastify';
import type { Files } from '../files/files.ts';
import type { ItemOrder, Marker } from '../files/item-order.ts';
import type { Listed } from '../files/listed-items.ts';
import { fieldsOf } from './fields.ts';
import { orderOf, renderOrder } from './item-order.ts';
import { parseMarker, renderMarker } from './marker.ts';
import { mayOf } from './may.ts';
import { offsetPageOf } from './offset-page.ts';
import { isTrue } from './query-flag.ts';
import { renderListed } from './render.ts';
import { withLocks } from './with-locks.ts';

/** A list of items, as the domain gives it. */
export interface Lister {
  byOffset(page: { offset: number; limit: number; order: ItemOrder }): Promise<{ entries: Listed[]; total: number }>;
  byMarker(page: {
    marker: Marker | undefined;
    limit: number;
    order: ItemOrder;
  }): Promise<{ entries: Listed[]; next: Marker | undefined }>;
}

/** The page of a list that a request asks for, by offset or by marker. */
export async function itemList(
  files: Files,
  request: FastifyRequest,
  lister: Lister,
): Promise<Record<string, unknown>> {
  const page = offsetPageOf(request, { defaultLimit: 100 });
  const { usemarker, marker: text } = request.query as { usemarker?: string; marker?: string };
  const marker = parseMarker(text);
  const order = orderOf(request);
  if (!isTrue(usemarker) && marker === undefined) return itemPage(files, request, lister, { ...page, order });

  const { entries, next } = await lister.byMarker({ marker, limit: page.limit, order });
  return {
    entries: await rendered(files, request, entries),
    limit: page.limit,
    order: renderOrder(marker ?? order),
    ...(next !== undefined && { next_marker: renderMarker(next) }),
  };
}

/** A page by offset; also a folder's own `item_collection`. */
export async function itemPage(
  files: Files,
  request: FastifyRequest,
  lister: Pick<Lister, 'byOffset'>,
  page: { offset: number; limit: number; order: ItemOrder },
): Promise<Record<string, unknown>> {
  const { entries, total } = await lister.byOffset(page);
  return {
    total_count: total,
    entries: await rendered(files, request, entries),
    offset: page.offset,
    limit: page.limit,
    order: renderOrder(page.order),
  };
}

async function rendered(files: Files, request: FastifyRequest, entries: Listed[]): Promise<Record<string, unknown>[]> {
  const fields = fieldsOf(request);
  const may = mayOf(request);
  return (await withLocks(files, entries, fields)).map((entry) => renderListed({ ...entry, may }, fields));
}
