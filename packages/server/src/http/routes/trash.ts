import { RestoreItem } from '@partway/protocol/schemas/items';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ItemKind } from '../../database/schema.ts';
import { getFolder } from '../../files/check-place.ts';
import { getFile } from '../../files/find.ts';
import { listTrashByMarker, listTrashByOffset } from '../../files/paging.ts';
import { getTrashedItem, purge, type RestoreTarget, restoreItem, type TrashedItemRef } from '../../files/trash.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { renderFileResponse, renderFolderResponse } from '../render/answers.ts';
import { checkItemList, renderItemList } from '../render/item-list.ts';
import { createValueParser } from '../request/bodies.ts';
import { FILE_CODES } from '../request/file-attributes.ts';
import { parseFileId, parseFolderId, parseFolderIdValue } from '../request/ids.ts';
import type { Services } from '../services.ts';

/** Lists, restores and permanently deletes items in the trash. */
export function serveTrash(scope: FastifyInstance, { files }: Services): void {
  const parseRestore = createValueParser(RestoreItem, FILE_CODES, 'The body');

  scope.get('/folders/trash/items', { config: { ...bearerPolicy('read'), precheck: checkItemList } }, (request) => {
    const { userId } = getCaller(request);
    return renderItemList(files, request, {
      byOffset: (page) => listTrashByOffset(files.db, userId, page),
      byMarker: (page) => listTrashByMarker(files.db, userId, page),
    });
  });

  scope.get('/files/:file_id/trash', { config: bearerPolicy('read') }, async (request) => {
    const ref = parseTrashedRef(request, 'file');
    await getTrashedItem(files.db, ref);
    return renderFileResponse(files, request, await getFile(files, ref.caller, ref.id));
  });
  scope.get('/folders/:folder_id/trash', { config: bearerPolicy('read') }, async (request) => {
    const folder = await getTrashedItem(files.db, parseTrashedRef(request, 'folder'));
    return renderFolderResponse(files, request, folder);
  });

  scope.post('/files/:file_id', { config: bearerPolicy('change') }, async (request, reply) => {
    const { caller, id } = await restore(request, 'file');
    return reply.code(201).send(await renderFileResponse(files, request, await getFile(files, caller, id)));
  });
  scope.post('/folders/:folder_id', { config: bearerPolicy('change') }, async (request, reply) => {
    const { caller, id } = await restore(request, 'folder');
    return reply.code(201).send(await renderFolderResponse(files, request, await getFolder(files.db, caller, id)));
  });

  scope.delete('/files/:file_id/trash', { config: bearerPolicy('delete') }, (request, reply) =>
    sendPurged(request, reply, 'file'),
  );
  scope.delete('/folders/:folder_id/trash', { config: bearerPolicy('delete') }, (request, reply) =>
    sendPurged(request, reply, 'folder'),
  );

  async function restore(request: FastifyRequest, kind: ItemKind): Promise<TrashedItemRef> {
    const ref = parseTrashedRef(request, kind);
    await restoreItem(files, ref, parseRestoreTarget(request));
    return ref;
  }

  /** All fields are optional, and so is the body. */
  function parseRestoreTarget(request: FastifyRequest): RestoreTarget {
    const { name, parent } = parseRestore(request.body ?? {});
    return {
      ...(name != null && { name }),
      ...(parent?.id != null && { folderId: parseFolderIdValue(request, parent.id) }),
    };
  }

  async function sendPurged(request: FastifyRequest, reply: FastifyReply, kind: ItemKind): Promise<FastifyReply> {
    await purge(files, parseTrashedRef(request, kind));
    return reply.code(204).send();
  }
}

function parseTrashedRef(request: FastifyRequest, kind: ItemKind): TrashedItemRef {
  return {
    kind,
    caller: getCaller(request).userId,
    id: kind === 'file' ? parseFileId(request) : parseFolderId(request),
  };
}
