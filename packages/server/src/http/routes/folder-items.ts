import type { FastifyInstance } from 'fastify';
import type { ItemRow } from '../../database/schema.ts';
import { needFolder } from '../../files/check-place.ts';
import type { Files } from '../../files/context.ts';
import { listByMarker, listByOffset } from '../../files/paging.ts';
import { callerOf } from '../hooks/authenticate.ts';
import { bearer } from '../hooks/scopes.ts';
import { checkItemList, itemList, type Lister } from '../render/item-list.ts';
import { folderIdOf } from '../request/ids.ts';

/** GET /folders/:id/items, by offset or by marker. */
export function serveFolderItems(scope: FastifyInstance, files: Files): void {
  scope.get('/folders/:folder_id/items', { config: { ...bearer('read'), early: checkItemList } }, async (request) => {
    const folder = await needFolder(files.db, callerOf(request).userId, folderIdOf(request));
    return itemList(files, request, itemsOf(files, folder));
  });
}

export function itemsOf({ db }: Files, folder: ItemRow): Lister {
  return {
    byOffset: (page) => listByOffset(db, folder, page),
    byMarker: (page) => listByMarker(db, folder, page),
  };
}
