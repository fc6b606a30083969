import { create as contentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lookup } from 'mime-types';
import parseRange from 'range-parser';
import { Refusal } from '../api/refusal.ts';
import type { ByteRange, ContentStore } from '../content/content.ts';
import type { Download } from '../files/find-download.ts';

/** Answers with the bytes of a version, or with the one range asked for (RFC 9110, sections 13 and 14). */
export async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  content: ContentStore,
  { file, version }: Download,
): Promise<FastifyReply> {
  const tag = `"${version.sha1}"`;
  const modified = new Date(version.created_at).toUTCString();
  const always = {
    etag: tag,
    'last-modified': modified,
    'accept-ranges': 'bytes',
    'cache-control': 'private',
    'x-content-type-options': 'nosniff',
  };
  if (request.headers['if-none-match'] === tag) return reply.code(304).headers(always).send();

  const range = wantedRange(request, version.size, [tag, modified]);
  if (range === 'unsatisfiable') {
    reply.headers(always).header('content-range', `bytes */${version.size}`);
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

/** The one range to send; all of it where several are asked for, the range is no range, or `If-Range` has passed. */
function wantedRange(
  request: FastifyRequest,
  size: number,
  unchanged: readonly string[],
): ByteRange | 'unsatisfiable' | undefined {
  const { range: header, 'if-range': ifRange } = request.headers;
  if (header === undefined) return undefined;
  if (typeof ifRange === 'string' && !unchanged.includes(ifRange.trim())) return undefined;
  const ranges = parseRange(size, header);
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === -2 || ranges.type !== 'bytes') return undefined;
  const [only, ...others] = ranges;
  return only === undefined || others.length > 0 ? undefined : { first: only.start, last: only.end };
}
