import type { FastifyRequest } from 'fastify';
import type { Files } from '../../files/context.ts';
import type { FileEntry } from '../../files/find.ts';
import { viewOf } from '../hooks/permissions.ts';
import { fieldsOf } from './fields.ts';
import { renderFile } from './items.ts';
import { withLocks } from './with-locks.ts';

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
