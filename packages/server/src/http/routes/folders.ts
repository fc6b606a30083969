import { saidDetails } from '@partway/protocol/item-details';
import { CreateFolder, UpdateFolder } from '@partway/protocol/schemas/folders';
import { CopyItem } from '@partway/protocol/schemas/items';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { needFolder } from '../../files/check-place.ts';
import type { Files } from '../../files/context.ts';
import { copyFolder } from '../../files/copy/copy-folder.ts';
import { createFolder } from '../../files/items.ts';
import { trashFolder } from '../../files/trash.ts';
import { updateFolder } from '../../files/update-item.ts';
import { callerOf } from '../hooks/authenticate.ts';
import { bearer } from '../hooks/scopes.ts';
import { answerFolder, itemsOf } from '../render/answers.ts';
import { checkItemList, itemList } from '../render/item-list.ts';
import { bodyReader, type FieldCodes } from '../request/bodies.ts';
import { folderIdOf, knownFolderId } from '../request/ids.ts';
import { itemChangeOf, placeOf } from '../request/item-changes.ts';
import { isTrue } from '../request/paging.ts';
import { hasAlready, notModified } from '../request/preconditions.ts';
import type { Services } from '../services.ts';
import { checkRoomForItem } from './preflight.ts';

const CODES: FieldCodes = {
  '/name': { missing: 'bad_request', invalid: 'item_name_invalid' },
  '/parent/id': { missing: 'bad_request', invalid: 'invalid_folder_id' },
};

/** /folders (wire: "Endpoints"). */
export function serveFolders(scope: FastifyInstance, { files }: Services): void {
  const readNew = bodyReader(CreateFolder, CODES);
  const readUpdate = bodyReader(UpdateFolder, CODES);
  const readCopy = bodyReader(CopyItem, CODES);
  serveFolderItems(scope, files);

  const earlyNew = async (request: FastifyRequest) => {
    knownFolderId(request, readNew(request).parent.id);
    await checkRoomForItem(files, request);
  };
  const earlyUpdate = (request: FastifyRequest) => {
    itemChangeOf(request, readUpdate(request));
  };
  const earlyCopy = async (request: FastifyRequest) => {
    placeOf(request, readCopy(request));
    await checkRoomForItem(files, request);
  };

  scope.post('/folders', { config: { ...bearer('upload'), early: earlyNew } }, async (request, reply) => {
    const body = readNew(request);
    const { name, description, parent } = body;
    const folder = await createFolder(files, {
      caller: callerOf(request).userId,
      folderId: knownFolderId(request, parent.id),
      name,
      ...(description != null && { description }),
      details: saidDetails(body),
    });
    return reply.code(201).send(await answerFolder(files, request, folder));
  });

  scope.get('/folders/:folder_id', { config: bearer('read') }, async (request, reply) => {
    const folder = await needFolder(files.db, callerOf(request).userId, folderIdOf(request));
    if (folder.parent_id !== null && hasAlready(request, folder)) return notModified(reply);
    return answerFolder(files, request, folder);
  });

  scope.put('/folders/:folder_id', { config: { ...bearer('rename'), early: earlyUpdate } }, async (request) => {
    const caller = callerOf(request).userId;
    const folderId = folderIdOf(request);
    const body = readUpdate(request);
    const change = { ...itemChangeOf(request, body), details: saidDetails(body) };
    await updateFolder(files, { caller, folderId, ifMatch: request.headers['if-match'], change });
    return answerFolder(files, request, await needFolder(files.db, caller, folderId));
  });

  scope.post(
    '/folders/:folder_id/copy',
    { config: { ...bearer('change'), early: earlyCopy } },
    async (request, reply) => {
      const caller = callerOf(request).userId;
      const to = placeOf(request, readCopy(request));
      const folder = await copyFolder(files, { caller, folderId: folderIdOf(request), to });
      return reply.code(201).send(await answerFolder(files, request, folder));
    },
  );

  scope.delete('/folders/:folder_id', { config: bearer('delete') }, async (request, reply) => {
    await trashFolder(files, {
      caller: callerOf(request).userId,
      folderId: folderIdOf(request),
      recursive: isTrue((request.query as { recursive?: string }).recursive),
      ifMatch: request.headers['if-match'],
    });
    return reply.code(204).send();
  });
}

/** GET /folders/:id/items, by offset or by marker. */
function serveFolderItems(scope: FastifyInstance, files: Files): void {
  scope.get('/folders/:folder_id/items', { config: { ...bearer('read'), early: checkItemList } }, async (request) => {
    const folder = await needFolder(files.db, callerOf(request).userId, folderIdOf(request));
    return itemList(files, request, itemsOf(files, folder));
  });
}
