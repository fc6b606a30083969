import type { IncomingHttpHeaders } from 'node:http';
import { type ContentRange, parseContentRange, parseDigest } from '@partway/protocol/headers';
import { parseSessionId, type SessionId, type Sha1 } from '@partway/protocol/ids';
import { ApiError } from '../api-error.ts';

export function parseSessionIdParam(params: unknown): SessionId {
  const id = parseSessionId((params as { session_id: string }).session_id);
  if (id === undefined) throw new ApiError('invalid_upload_session_id', 'An upload session ID must be 32 hex digits.');
  return id;
}

/** Parses the `digest` header, which is required for parts and commits. */
export function parseDigestHeader(headers: IncomingHttpHeaders): Sha1 {
  const header = headers.digest;
  if (typeof header !== 'string')
    throw new ApiError('bad_request', 'The digest header is missing. Its form is: digest: sha=BASE64');
  const sha1 = parseDigest(header);
  if (sha1 === undefined) {
    throw new ApiError('bad_request', 'The digest header must be sha= and the 20 bytes of a SHA-1 in base64.');
  }
  return sha1;
}

/** Parses the `content-range` header of a part. Rejects a different Content-Length, before any byte is read. */
export function parseRangeHeader(headers: IncomingHttpHeaders): ContentRange {
  const header = headers['content-range'];
  if (header === undefined) {
    throw new ApiError(
      'bad_request',
      'The content-range header is missing. Its form is: content-range: bytes FIRST-LAST/TOTAL',
    );
  }
  const range = parseContentRange(header);
  if (range === undefined) {
    throw new ApiError('bad_request', 'The content-range header must be bytes FIRST-LAST/TOTAL, with three numbers.');
  }
  const { first, last } = range;
  const announced = headers['content-length'];
  const length = last - first + 1;
  if (announced !== undefined && Number(announced) !== length && length > 0) {
    throw new ApiError(
      'bad_request',
      `The content-length is ${announced}, but the range ${first}-${last} has ${length} bytes.`,
    );
  }
  return range;
}
