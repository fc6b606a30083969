import { ApiError } from '../api-error.ts';

/** An error of Node's parser or of a connection. */
export interface RequestSyntaxError extends Error {
  code?: string;
  /** The last chunk that was read. */
  rawPacket?: Buffer;
  /** The position of the error in that chunk. */
  bytesParsed?: number;
}

/** The method and target of a request, if known. */
export interface RequestLine {
  method?: string;
  url?: string;
}

/** Not only at the start of a line: the body of the previous request can end without a line break. */
const REQUEST_LINE = /(?:^|[^A-Z ])([A-Z]{3,20}) ([^\s]{1,2000})/g;

/**
 * Finds the last request line before the error. HEAD requests get no body, and OAuth's URLs have their own error
 * format.
 */
export function findRequestLine({ rawPacket, bytesParsed = 0 }: RequestSyntaxError): RequestLine {
  let line: RequestLine = {};
  for (const { index, 1: method = '', 2: url = '' } of (rawPacket?.toString('latin1') ?? '').matchAll(REQUEST_LINE)) {
    if (index > bytesParsed) break;
    line = { method, url };
  }
  return line;
}

/** The error for a client that has closed its side of the connection too early. */
export function incompleteRequestError(): ApiError {
  return new ApiError('bad_request', 'The client stopped sending or disconnected before its request was complete.');
}

/** Maps an error of Node's parser to an error response. Returns undefined if the connection itself failed. */
export function toSyntaxApiError(code: string | undefined): ApiError | undefined {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ApiError('request_header_fields_too_large', 'The headers are larger than 16 KiB.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ApiError('request_entity_too_large', 'The chunk extensions of the body are larger than 16 KiB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError('request_timeout', 'The headers arrived too slowly.');
    case 'HPE_INVALID_EOF_STATE':
      return incompleteRequestError();
    default:
      if (code?.startsWith('HPE_') !== true) return undefined;
      return new ApiError('bad_request', 'The request is not valid HTTP/1.1, or is ambiguous.');
  }
}
