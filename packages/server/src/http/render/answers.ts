import type { FastifyRequest } from 'fastify';
import type { ItemRow } from '../../database/schema.ts';
import type { FileContext } from '../../files/context.ts';
import { describeFolder, type FileEntry } from '../../files/find.ts';
import { listByMarker, listByOffset } from '../../files/paging.ts';
import { getView } from '../hooks/permissions.ts';
import { parseOrder } from '../request/item-changes.ts';
import { parseOffsetPage } from '../request/paging.ts';
import { addLocks } from './common-fields.ts';
import { parseFields } from './fields.ts';
import { type Lister, renderItemPage } from './item-list.ts';
import { renderFile, renderFolder } from './items.ts';

export function folderLister({ db }: FileContext, folder: ItemRow): Lister {
  return {
    byOffset: (page) => listByOffset(db, folder, page),
    byMarker: (page) => listByMarker(db, folder, page),
  };
}

/** Renders a file with the fields that the request selects. */
export async function renderFileResponse(
  files: FileContext,
  request: FastifyRequest,
  file: FileEntry,
): Promise<Record<string, unknown>> {
  const fields = parseFields(request);
  const [entry = file] = await addLocks(files, [file], fields);
  return renderFile({ ...entry, ...getView(files, request) }, fields);
}

/**
 * Renders a folder with the fields that the request selects, and with the page of its items that `offset`, `limit`,
 * `sort` and `direction` select. The items of a folder in the trash are not included.
 */
export async function renderFolderResponse(
  files: FileContext,
  request: FastifyRequest,
  folder: ItemRow,
): Promise<Record<string, unknown>> {
  const fields = parseFields(request);
  const entry = { ...(await describeFolder(files.db, folder)), ...getView(files, request) };
  const hasItems = folder.trashed_at === null && (fields?.has('item_collection') ?? true);
  if (!hasItems) return renderFolder(entry, fields);
  const page = { ...parseOffsetPage(request, { defaultLimit: 100 }), order: parseOrder(request) };
  return renderFolder(
    { ...entry, items: await renderItemPage(files, request, folderLister(files, folder), page) },
    fields,
  );
}
