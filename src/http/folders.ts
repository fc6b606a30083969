import type { FastifyInstance } from 'fastify';
import { CreateFolder } from '../api/schemas/folders.ts';
import { needFolder } from '../files/check-place.ts';
import { createFolder } from '../files/create-folder.ts';
import { describeFolder } from '../files/find.ts';
import { folderSize } from '../files/folder-size.ts';
import { trashFolder } from '../files/trash-folder.ts';
import type { ItemRow } from '../sql/tables.ts';
import { bodyReader, type FieldCodes } from './bodies.ts';
import { hasAlready, notModified } from './conditions.ts';
import { type Fields, fieldsOf } from './fields.ts';
import { offsetList, serveFolderItems } from './folder-items.ts';
import { folderIdOf, knownFolderId } from './item-ids.ts';
import { callerOf } from './policy.ts';
import { renderFolder } from './render.ts';
import type { Services } from './services.ts';

const CODES: FieldCodes = {
  '/name': { missing: 'bad_request', invalid: 'item_name_invalid' },
  '/parent/id': { missing: 'bad_request', invalid: 'invalid_folder_id' },
};

/** /folders (wire: "Endpoints"). */
export function serveFolders(scope: FastifyInstance, { files }: Services): void {
  const readNew = bodyReader(CreateFolder, CODES);
  const config = { policy: 'bearer' as const };
  serveFolderItems(scope, files);

  scope.post('/folders', { config }, async (request, reply) => {
    const { name, parent } = readNew(request);
    const caller = callerOf(request).userId;
    const folder = await createFolder(files, { caller, folderId: knownFolderId(request, parent.id), name });
    return reply.code(201).send(await rendered(folder, fieldsOf(request)));
  });

  scope.get('/folders/:folder_id', { config }, async (request, reply) => {
    const folder = await needFolder(files.db, callerOf(request).userId, folderIdOf(request));
    if (folder.parent_id !== null && hasAlready(request, folder)) return notModified(reply);
    return rendered(folder, fieldsOf(request));
  });

  scope.delete('/folders/:folder_id', { config }, async (request, reply) => {
    await trashFolder(files, {
      caller: callerOf(request).userId,
      folderId: folderIdOf(request),
      recursive: (request.query as { recursive?: string }).recursive === 'true',
      ifMatch: request.headers['if-match'],
    });
    return reply.code(204).send();
  });

  async function rendered(folder: ItemRow, fields: Fields | undefined): Promise<Record<string, unknown>> {
    const entry = await describeFolder(files.db, folder);
    // The root's size is that of everything, so it is counted only for those who want to know.
    const sized = fields === undefined ? folder.parent_id !== null : fields.has('size');
    const listed = fields === undefined || fields.has('item_collection');
    return renderFolder(
      {
        ...entry,
        ...(sized && { size: await folderSize(files.db, folder.id) }),
        ...(listed && { items: await offsetList(files, folder, { offset: 0, limit: 100 }, undefined) }),
      },
      fields,
    );
  }
}
