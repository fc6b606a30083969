import type { FastifyInstance } from 'fastify';
import { needFolder } from '../files/check-place.ts';
import type { Files } from '../files/files.ts';
import { listByMarker, listByOffset } from '../files/list-folder.ts';
import type { ItemRow } from '../sql/tables.ts';
import { type Fields, fieldsOf } from './fields.ts';
import { folderIdOf } from './item-ids.ts';
import { parseMarker, renderMarker } from './marker.ts';
import { offsetPageOf } from './offset-page.ts';
import { callerOf } from './policy.ts';
import { renderListed } from './render.ts';

const ORDER = [
  { by: 'type', direction: 'ASC' },
  { by: 'name', direction: 'ASC' },
];

/** GET /folders/:id/items, by offset or by marker. */
export function serveFolderItems(scope: FastifyInstance, files: Files): void {
  scope.get('/folders/:folder_id/items', { config: { policy: 'bearer' } }, async (request) => {
    const page = offsetPageOf(request, { defaultLimit: 100 });
    const { usemarker, marker } = request.query as { usemarker?: string; marker?: string };
    const after = parseMarker(marker);
    const folder = await needFolder(files.db, callerOf(request).userId, folderIdOf(request));
    const fields = fieldsOf(request);
    if (usemarker !== 'true' && after === undefined) return offsetList(files, folder, page, fields);
    const { entries, next } = await listByMarker(files.db, folder, { marker: after, limit: page.limit });
    return {
      entries: entries.map((entry) => renderListed(entry, fields)),
      limit: page.limit,
      order: ORDER,
      ...(next !== undefined && { next_marker: renderMarker(next) }),
    };
  });
}

/** A page of a folder by offset; also a folder's own `item_collection`. */
export async function offsetList(
  files: Files,
  folder: ItemRow,
  page: { offset: number; limit: number },
  fields: Fields | undefined,
): Promise<Record<string, unknown>> {
  const { entries, total } = await listByOffset(files.db, folder, page);
  return {
    total_count: total,
    entries: entries.map((entry) => renderListed(entry, fields)),
    offset: page.offset,
    limit: page.limit,
    order: ORDER,
  };
}
