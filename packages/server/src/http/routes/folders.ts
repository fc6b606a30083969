import { pickDetails } from '@partway/protocol/item-details';
import { CreateFolder, UpdateFolder } from '@partway/protocol/schemas/folders';
import { CopyItem } from '@partway/protocol/schemas/items';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { getFolder } from '../../files/check-place.ts';
import type { FileContext } from '../../files/context.ts';
import { copyFolder } from '../../files/copy/copy-folder.ts';
import { createFolder } from '../../files/items.ts';
import { trashFolder } from '../../files/trash.ts';
import { updateFolder } from '../../files/update-item.ts';
import { getCaller } from '../hooks/authenticate.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { folderLister, renderFolderResponse } from '../render/answers.ts';
import { checkItemList, renderItemList } from '../render/item-list.ts';
import { createBodyParser, type FieldCodes } from '../request/bodies.ts';
import { parseFolderId, parseFolderIdValue } from '../request/ids.ts';
import { parseItemChange, parsePlace } from '../request/item-changes.ts';
import { isTrue } from '../request/paging.ts';
import { isUnmodified, sendNotModified } from '../request/preconditions.ts';
import type { Services } from '../services.ts';
import { checkItemQuota } from './preflight.ts';

const CODES: FieldCodes = {
  '/name': { missing: 'bad_request', invalid: 'item_name_invalid' },
  '/parent/id': { missing: 'bad_request', invalid: 'invalid_folder_id' },
};

/** /folders, except for the trash. */
export function serveFolders(scope: FastifyInstance, { files }: Services): void {
  const parseNew = createBodyParser(CreateFolder, CODES);
  const parseUpdate = createBodyParser(UpdateFolder, CODES);
  const parseCopy = createBodyParser(CopyItem, CODES);
  serveFolderItems(scope, files);

  const precheckNew = async (request: FastifyRequest) => {
    parseFolderIdValue(request, parseNew(request).parent.id);
    await checkItemQuota(files, request);
  };
  const precheckUpdate = (request: FastifyRequest) => {
    parseItemChange(request, parseUpdate(request));
  };
  const precheckCopy = async (request: FastifyRequest) => {
    parsePlace(request, parseCopy(request));
    await checkItemQuota(files, request);
  };

  scope.post('/folders', { config: { ...bearerPolicy('upload'), precheck: precheckNew } }, async (request, reply) => {
    const body = parseNew(request);
    const { name, description, parent } = body;
    const folder = await createFolder(files, {
      caller: getCaller(request).userId,
      folderId: parseFolderIdValue(request, parent.id),
      name,
      ...(description != null && { description }),
      details: pickDetails(body),
    });
    return reply.code(201).send(await renderFolderResponse(files, request, folder));
  });

  scope.get('/folders/:folder_id', { config: bearerPolicy('read') }, async (request, reply) => {
    const folder = await getFolder(files.db, getCaller(request).userId, parseFolderId(request));
    if (folder.parent_id !== null && isUnmodified(request, folder)) return sendNotModified(reply);
    return renderFolderResponse(files, request, folder);
  });

  scope.put(
    '/folders/:folder_id',
    { config: { ...bearerPolicy('rename'), precheck: precheckUpdate } },
    async (request) => {
      const caller = getCaller(request).userId;
      const folderId = parseFolderId(request);
      const body = parseUpdate(request);
      const change = { ...parseItemChange(request, body), details: pickDetails(body) };
      await updateFolder(files, { caller, folderId, ifMatch: request.headers['if-match'], change });
      return renderFolderResponse(files, request, await getFolder(files.db, caller, folderId));
    },
  );

  scope.post(
    '/folders/:folder_id/copy',
    { config: { ...bearerPolicy('change'), precheck: precheckCopy } },
    async (request, reply) => {
      const caller = getCaller(request).userId;
      const to = parsePlace(request, parseCopy(request));
      const folder = await copyFolder(files, { caller, folderId: parseFolderId(request), to });
      return reply.code(201).send(await renderFolderResponse(files, request, folder));
    },
  );

  scope.delete('/folders/:folder_id', { config: bearerPolicy('delete') }, async (request, reply) => {
    await trashFolder(files, {
      caller: getCaller(request).userId,
      folderId: parseFolderId(request),
      recursive: isTrue((request.query as { recursive?: string }).recursive),
      ifMatch: request.headers['if-match'],
    });
    return reply.code(204).send();
  });
}

/** GET /folders/:id/items, by offset or by marker. */
function serveFolderItems(scope: FastifyInstance, files: FileContext): void {
  scope.get(
    '/folders/:folder_id/items',
    { config: { ...bearerPolicy('read'), precheck: checkItemList } },
    async (request) => {
      const folder = await getFolder(files.db, getCaller(request).userId, parseFolderId(request));
      return renderItemList(files, request, folderLister(files, folder));
    },
  );
}
