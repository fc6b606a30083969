import type { FastifyRequest } from 'fastify';
import type { Files } from '../files/files.ts';
import { describeFolder } from '../files/find.ts';
import type { ItemRow } from '../sql/tables.ts';
import { fieldsOf } from './fields.ts';
import { itemsOf } from './folder-items.ts';
import { itemPage } from './item-list.ts';
import { orderOf } from './item-order.ts';
import { viewOf } from './may.ts';
import { offsetPageOf } from './offset-page.ts';
import { renderFolder } from './render.ts';

/**
 * A folder as the request wants it, with the page of its items that `offset`, `limit`, `sort` and `direction` name. What
 * a folder in the trash holds is not listed.
 */
export async function answerFolder(
  files: Files,
  request: FastifyRequest,
  folder: ItemRow,
): Promise<Record<string, unknown>> {
  const fields = fieldsOf(request);
  const entry = { ...(await describeFolder(files.db, folder)), ...viewOf(request) };
  const listed = folder.trashed_at === null && (fields?.has('item_collection') ?? true);
  if (!listed) return renderFolder(entry, fields);
  const page = { ...offsetPageOf(request, { defaultLimit: 100 }), order: orderOf(request) };
  return renderFolder({ ...entry, items: await itemPage(files, request, itemsOf(files, folder), page) }, fields);
}
