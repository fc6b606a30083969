import type { FastifyInstance } from 'fastify';
import { readFile } from '../files/read-file.ts';
import { trashFile } from '../files/trash-file.ts';
import { hasAlready, notModified } from './conditions.ts';
import { fieldsOf } from './fields.ts';
import { fileIdOf } from './item-ids.ts';
import { callerOf } from './policy.ts';
import { renderFile } from './render.ts';
import type { Services } from './services.ts';

/** /files/:id, but for its content (wire: "Endpoints"). */
export function serveFiles(scope: FastifyInstance, { files }: Services): void {
  const config = { policy: 'bearer' as const };

  scope.get('/files/:file_id', { config }, async (request, reply) => {
    const entry = await readFile(files, callerOf(request).userId, fileIdOf(request));
    if (hasAlready(request, entry.item)) return notModified(reply);
    return renderFile(entry, fieldsOf(request));
  });

  scope.delete('/files/:file_id', { config }, async (request, reply) => {
    const caller = callerOf(request).userId;
    await trashFile(files, { caller, fileId: fileIdOf(request), ifMatch: request.headers['if-match'] });
    return reply.code(204).send();
  });
}
