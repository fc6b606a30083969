import { Refusal } from '@partway/protocol/errors';
import { create as contentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lookup } from 'mime-types';
import type { VersionRow } from '../../database/schema.ts';
import { sharesSecond } from '../../files/blobs.ts';
import type { Files } from '../../files/context.ts';
import type { Download } from '../../files/find-item.ts';
import type { ByteRange } from '../../storage/blob-store.ts';
import { parseRange } from '../request/byte-range.ts';
import { checkPreconditions, mayResume, type Validators } from '../request/preconditions.ts';

/**
 * Answers with the bytes of a version, or with the one range asked for (RFC 9110, sections 13 and 14). A HEAD gets what
 * its GET would. Several ranges get the whole file, as HTTP lets a server decide.
 */
export async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  { db, content }: Pick<Files, 'db' | 'content'>,
  { file, version }: Download,
): Promise<FastifyReply> {
  const state = validatorsOf(db, version);
  const always = {
    etag: `"${state.etag}"`,
    'last-modified': new Date(state.modifiedAt).toUTCString(),
    'accept-ranges': 'bytes',
    'cache-control': 'private',
    'x-content-type-options': 'nosniff',
  };
  const outcome = await checkPreconditions(request.headers, state);
  if (outcome === 'not-modified') return reply.code(304).headers(always).send();
  if (outcome === 'failed') {
    throw new Refusal(
      'precondition_failed',
      'The file is not the one that the request means: begin from its first byte.',
    );
  }

  const range = await wantedRange(request, version.size, state);
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${version.size}`);
    throw new Refusal('range_not_satisfiable', `The file has ${version.size} bytes; the range lies beyond them.`);
  }
  const headers = {
    ...always,
    'content-type': lookup(file.name) || 'application/octet-stream',
    'content-length': range === undefined ? version.size : range.last - range.first + 1,
    'content-disposition': contentDisposition(file.name),
  };
  // Before a word is said of the bytes: where they cannot be had, the answer is about something else.
  const bytes = request.method === 'HEAD' ? undefined : await content.open(version.content_id, range);
  if (range !== undefined) {
    reply.code(206).header('content-range', `bytes ${range.first}-${range.last}/${version.size}`);
  }
  // Fastify ends the reading when the client hangs up.
  return reply.headers(headers).send(bytes);
}

function validatorsOf(db: Files['db'], version: VersionRow): Validators {
  return {
    etag: version.sha1,
    modifiedAt: Math.floor(version.created_at / 1000) * 1000,
    isDateStrong: async () => !(await sharesSecond(db, version)),
  };
}

async function wantedRange(
  { headers }: FastifyRequest,
  size: number,
  state: Validators,
): Promise<ByteRange | 'unsatisfiable' | undefined> {
  if (headers.range === undefined || !(await mayResume(headers, state))) return undefined;
  return parseRange(headers.range, size);
}
