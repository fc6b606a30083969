import { ApiError } from '../api-error.ts';

/** What Node's parser reports, or the failure of a connection. */
export interface RequestSyntaxError extends Error {
  code?: string;
  /** What was read last, and how far into it the fault lies. */
  rawPacket?: Buffer;
  bytesParsed?: number;
}

/** Method and target of a request, as far as they are known. */
export interface RequestLine {
  method?: string;
  url?: string;
}

/** Not only at the start of a line: the body of the request before may end without one. */
const REQUEST_LINE = /(?:^|[^A-Z ])([A-Z]{3,20}) ([^\s]{1,2000})/g;

/** The request line before a fault, so that its response has no body for HEAD, and the format of its address. */
export function findRequestLine({ rawPacket, bytesParsed = 0 }: RequestSyntaxError): RequestLine {
  let line: RequestLine = {};
  for (const { index, 1: method = '', 2: url = '' } of (rawPacket?.toString('latin1') ?? '').matchAll(REQUEST_LINE)) {
    if (index > bytesParsed) break;
    line = { method, url };
  }
  return line;
}

/** What to answer to a client that has closed its side too early. */
export function incompleteRequestError(): ApiError {
  return new ApiError('bad_request', 'The client stopped sending, or went away before its request was whole.');
}

/** What to answer to input that is no request; undefined if the connection itself broke. */
export function toSyntaxApiError(code: string | undefined): ApiError | undefined {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ApiError('request_header_fields_too_large', 'The headers are larger than 16 KiB.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ApiError('request_entity_too_large', 'The chunk extensions of the body are larger than 16 KiB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError('request_timeout', 'The headers took too long.');
    case 'HPE_INVALID_EOF_STATE':
      return incompleteRequestError();
    default:
      if (code?.startsWith('HPE_') !== true) return undefined;
      return new ApiError('bad_request', 'This is not an HTTP/1.1 request that can be read in one way only.');
  }
}
