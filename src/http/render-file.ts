import type { FastifyRequest } from 'fastify';
import type { Files } from '../files/files.ts';
import type { FileEntry } from '../files/find.ts';
import { fieldsOf } from './fields.ts';
import { viewOf } from './may.ts';
import { renderFile } from './render.ts';
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
