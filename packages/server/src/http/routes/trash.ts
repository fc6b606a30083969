import { RestoreItem } from '@partway/protocol/schemas/items';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ItemKind } from '../../database/schema.ts';
import { needFolder } from '../../files/check-place.ts';
import { readFile } from '../../files/find.ts';
import { listTrashByMarker, listTrashByOffset } from '../../files/paging.ts';
import { deleteForGood, findTrashed, type RestoreTo, restoreItem, type Trashed } from '../../files/trash.ts';
import { callerOf } from '../hooks/authenticate.ts';
import { bearer } from '../hooks/scopes.ts';
import { answerFile, answerFolder } from '../render/answers.ts';
import { checkItemList, itemList } from '../render/item-list.ts';
import { valueReader } from '../request/bodies.ts';
import { FILE_CODES } from '../request/file-attributes.ts';
import { fileIdOf, folderIdOf, knownFolderId } from '../request/ids.ts';
import type { Services } from '../services.ts';

/** What is in the trash, and the ways out of it (wire: "Endpoints"). */
export function serveTrash(scope: FastifyInstance, { files }: Services): void {
  const readRestore = valueReader(RestoreItem, FILE_CODES, 'The body');

  scope.get('/folders/trash/items', { config: { ...bearer('read'), early: checkItemList } }, (request) => {
    const { userId } = callerOf(request);
    return itemList(files, request, {
      byOffset: (page) => listTrashByOffset(files.db, userId, page),
      byMarker: (page) => listTrashByMarker(files.db, userId, page),
    });
  });

  scope.get('/files/:file_id/trash', { config: bearer('read') }, async (request) => {
    const { caller, id } = await inTrash(request, 'file');
    return answerFile(files, request, await readFile(files, caller, id));
  });
  scope.get('/folders/:folder_id/trash', { config: bearer('read') }, async (request) => {
    const folder = await findTrashed(files.db, trashed(request, 'folder'));
    return answerFolder(files, request, folder);
  });

  scope.post('/files/:file_id', { config: bearer('change') }, async (request, reply) => {
    const { caller, id } = await restore(request, 'file');
    return reply.code(201).send(await answerFile(files, request, await readFile(files, caller, id)));
  });
  scope.post('/folders/:folder_id', { config: bearer('change') }, async (request, reply) => {
    const { caller, id } = await restore(request, 'folder');
    return reply.code(201).send(await answerFolder(files, request, await needFolder(files.db, caller, id)));
  });

  scope.delete('/files/:file_id/trash', { config: bearer('delete') }, (request, reply) =>
    purge(request, reply, 'file'),
  );
  scope.delete('/folders/:folder_id/trash', { config: bearer('delete') }, (request, reply) =>
    purge(request, reply, 'folder'),
  );

  async function inTrash(request: FastifyRequest, kind: ItemKind): Promise<Trashed> {
    const wanted = trashed(request, kind);
    await findTrashed(files.db, wanted);
    return wanted;
  }

  async function restore(request: FastifyRequest, kind: ItemKind): Promise<Trashed> {
    const wanted = trashed(request, kind);
    await restoreItem(files, wanted, restoreTo(request));
    return wanted;
  }

  /** The body may be missing: everything in it is optional. */
  function restoreTo(request: FastifyRequest): RestoreTo {
    const { name, parent } = readRestore(request.body ?? {});
    return {
      ...(name != null && { name }),
      ...(parent?.id != null && { folderId: knownFolderId(request, parent.id) }),
    };
  }

  async function purge(request: FastifyRequest, reply: FastifyReply, kind: ItemKind): Promise<FastifyReply> {
    await deleteForGood(files, trashed(request, kind));
    return reply.code(204).send();
  }
}

function trashed(request: FastifyRequest, kind: ItemKind): Trashed {
  return { kind, caller: callerOf(request).userId, id: kind === 'file' ? fileIdOf(request) : folderIdOf(request) };
}
