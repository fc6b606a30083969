import type { FastifyRequest } from 'fastify';
import type { ItemRow } from '../../database/schema.ts';
import type { Files } from '../../files/context.ts';
import { describeFolder } from '../../files/find.ts';
import { viewOf } from '../hooks/permissions.ts';
import { orderOf } from '../request/item-order.ts';
import { offsetPageOf } from '../request/offset-page.ts';
import { itemsOf } from '../routes/folder-items.ts';
import { fieldsOf } from './fields.ts';
import { itemPage } from './item-list.ts';
import { renderFolder } from './items.ts';

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
