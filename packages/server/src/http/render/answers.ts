import type { FastifyRequest } from 'fastify';
import type { ItemRow } from '../../database/schema.ts';
import type { Files } from '../../files/context.ts';
import { describeFolder, type FileEntry } from '../../files/find.ts';
import { listByMarker, listByOffset } from '../../files/paging.ts';
import { viewOf } from '../hooks/permissions.ts';
import { orderOf } from '../request/item-changes.ts';
import { offsetPageOf } from '../request/paging.ts';
import { withLocks } from './common-fields.ts';
import { fieldsOf } from './fields.ts';
import { itemPage, type Lister } from './item-list.ts';
import { renderFile, renderFolder } from './items.ts';

export function itemsOf({ db }: Files, folder: ItemRow): Lister {
  return {
    byOffset: (page) => listByOffset(db, folder, page),
    byMarker: (page) => listByMarker(db, folder, page),
  };
}

/** A file as the request wants it. */
export async function answerFile(
  files: Files,
  request: FastifyRequest,
  file: FileEntry,
): Promise<Record<string, unknown>> {
  const fields = fieldsOf(request);
  const [entry = file] = await withLocks(files, [file], fields);
  return renderFile({ ...entry, ...viewOf(request) }, fields);
}

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
