/** A response as it was sent over the wire. */
export interface RawResponse {
  status: number;
  /** Lowercase names; a repeated header is an error, except for Set-Cookie. */
  headers: Record<string, string>;
  body: string;
}

const STATUS_LINE = /^HTTP\/1\.1 ([1-5][0-9]{2}) [\x20-\x7e]*$/;
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*$/;

/**
 * Parses what a server sent on one connection, strictly by RFC 9112, without interim responses. `methods` are those
 * of the requests sent, in order: they determine which responses have no body. Throws for anything that is not a
 * response, including bytes after the last one and, unless `cut`, an incomplete last one.
 */
export function readResponses(
  bytes: Buffer,
  methods: readonly string[],
  { allowIncomplete = false }: { allowIncomplete?: boolean } = {},
): RawResponse[] {
  const text = bytes.toString('latin1');
  const responses: RawResponse[] = [];
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) return incomplete('a header section');
    const { status, headers } = readHead(text.slice(at, end));
    at = end + 4;
    if (status < 200) continue;
    const method = methods[responses.length];
    if (method === undefined && responses.length > 0 && methods.length > 0) {
      throw new Error(`a response without a request: ${text.slice(at - 200, at + 200)}`);
    }
    const body = readBody(status, headers, method);
    if (body === undefined) return incomplete('a body');
    responses.push({ status, headers, body });
  }
  return responses;

  function incomplete(what: string): RawResponse[] {
    if (allowIncomplete) return responses;
    throw new Error(`${what} is incomplete: ${text.slice(Math.max(0, at - 300))}`);
  }

  function readBody(status: number, headers: Record<string, string>, method: string | undefined): string | undefined {
    const { 'content-length': length, 'transfer-encoding': coding } = headers;
    if (length !== undefined && coding !== undefined) throw new Error('a response has a length and a coding');
    if (length !== undefined && !/^[0-9]+$/.test(length)) throw new Error(`a response has the length ${length}`);
    if (method === 'HEAD' || status === 204 || status === 304) return '';
    if (coding !== undefined) return readChunks(coding);
    if (length === undefined) throw new Error(`a ${status} response has neither a length nor a coding`);
    if (at + Number(length) > text.length) return undefined;
    at += Number(length);
    return text.slice(at - Number(length), at);
  }

  function readChunks(coding: string): string | undefined {
    if (coding !== 'chunked') throw new Error(`a response has the coding ${coding}`);
    let body = '';
    for (;;) {
      const line = text.indexOf('\r\n', at);
      if (line < 0) return undefined;
      const size = text.slice(at, line);
      if (!/^[0-9a-fA-F]+$/.test(size)) throw new Error(`a chunk has the size ${size}`);
      const from = line + 2;
      const to = from + Number.parseInt(size, 16);
      if (to + 2 > text.length) return undefined;
      if (text.slice(to, to + 2) !== '\r\n') throw new Error('a chunk does not end in a line break');
      body += text.slice(from, to);
      at = to + 2;
      if (from === to) return body;
    }
  }
}

function readHead(head: string): { status: number; headers: Record<string, string> } {
  const [line = '', ...fields] = head.split('\r\n');
  const status = Number(STATUS_LINE.exec(line)?.[1]);
  if (!(status >= 100)) throw new Error(`not a status line: ${JSON.stringify(line)}`);
  const headers: Record<string, string> = {};
  for (const field of fields) {
    const [, name = '', value = ''] = FIELD_LINE.exec(field) ?? [];
    if (name === '') throw new Error(`not a header: ${JSON.stringify(field)}`);
    const key = name.toLowerCase();
    if (key in headers && key !== 'set-cookie') throw new Error(`the header ${name} occurs twice`);
    headers[key] = value;
  }
  return { status, headers };
}
