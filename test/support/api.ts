import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { sha1Base64 } from './bytes.ts';

/** A response as it was received. */
export interface ApiResponse {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON; undefined if it is empty. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read bodies of every shape, and fail if they differ.
  json: any;
}

export interface Call {
  headers?: OutgoingHttpHeaders;
  /** Sent as JSON, except for bytes, text and streams. */
  body?: unknown;
}

/** A client with a token on plain node:http, so that a test decides exactly what is sent. */
export class Api {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor({ url, token }: { url: string; token?: string }, prefix = '/2.0') {
    this.#url = url + prefix;
    this.#token = token;
  }

  get(path: string, call: Call = {}): Promise<ApiResponse> {
    return this.call('GET', path, call);
  }

  post(path: string, body?: unknown, headers: OutgoingHttpHeaders = {}): Promise<ApiResponse> {
    return this.call('POST', path, { body, headers });
  }

  delete(path: string, headers: OutgoingHttpHeaders = {}): Promise<ApiResponse> {
    return this.call('DELETE', path, { headers });
  }

  /** `path` is relative to the prefix, or an absolute URL. */
  async call(method: string, path: string, { headers = {}, body }: Call = {}): Promise<ApiResponse> {
    const url = path.startsWith('http') ? path : this.#url + path;
    const { promise, resolve, reject } = Promise.withResolvers<ApiResponse>();
    const auth = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    const sent = request(url, { method, headers: { ...auth, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parseJson(text) });
      });
    });
    sent.on('error', reject);
    await sendBody(sent, body).catch(() => {});
    return promise;
  }

  /** Creates a session for a new file in the root folder and returns its JSON. */
  async createSession(
    name: string,
    size: number,
    folder = '0',
  ): Promise<{ id: string; part_size: number; total_parts: number }> {
    const answer = await this.post('/files/upload_sessions', { folder_id: folder, file_size: size, file_name: name });
    if (answer.status !== 201) throw new Error(`no session: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  /** Uploads a part, as in Box's API reference. */
  putPart(
    session: string,
    part: { offset: number; bytes: Buffer; total: number },
    headers: OutgoingHttpHeaders = {},
  ): Promise<ApiResponse> {
    const { offset, bytes, total } = part;
    return this.call('PUT', `/files/upload_sessions/${session}`, {
      headers: {
        digest: `sha=${sha1Base64(bytes)}`,
        'content-range': `bytes ${offset}-${offset + bytes.length - 1}/${total}`,
        'content-type': 'application/octet-stream',
        'content-length': bytes.length,
        ...headers,
      },
      body: bytes,
    });
  }

  commit(
    session: string,
    parts: unknown[],
    file: Buffer,
    extra: { attributes?: object; headers?: OutgoingHttpHeaders } = {},
  ): Promise<ApiResponse> {
    const { attributes, headers } = extra;
    return this.post(
      `/files/upload_sessions/${session}/commit`,
      { parts, ...(attributes && { attributes }) },
      { digest: `sha=${sha1Base64(file)}`, ...headers },
    );
  }

  /** Uploads `bytes` in parts, one after the other, without the commit. */
  async uploadParts(session: { id: string; part_size: number }, bytes: Buffer): Promise<{ part_id: string }[]> {
    const parts = [];
    for (let offset = 0; offset < bytes.length; offset += session.part_size) {
      const part = { offset, bytes: bytes.subarray(offset, offset + session.part_size), total: bytes.length };
      const answer = await this.putPart(session.id, part);
      if (answer.status !== 200) throw new Error(`no part: ${answer.status} ${answer.text}`);
      parts.push(answer.json.part);
    }
    return parts;
  }

  /** Downloads a file, following the redirect. */
  async download(fileId: string): Promise<Buffer> {
    const redirect = await this.get(`/files/${fileId}/content`);
    const address = redirect.headers.location;
    if (address === undefined) throw new Error(`no address: ${redirect.status} ${redirect.text}`);
    const response = await fetch(address);
    if (response.status !== 200) throw new Error(`no bytes: ${response.status} ${await response.text()}`);
    return Buffer.from(await response.arrayBuffer());
  }
}

async function sendBody(sent: ReturnType<typeof request>, body: unknown): Promise<void> {
  if (body === undefined) return void sent.end();
  if (typeof body === 'string' || body instanceof Uint8Array) return sendAtOnce(sent, body);
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
    for await (const chunk of body as AsyncIterable<Uint8Array>) sent.write(chunk);
    return void sent.end();
  }
  if (!sent.hasHeader('content-type')) sent.setHeader('content-type', 'application/json');
  sendAtOnce(sent, JSON.stringify(body));
}

// Node.js sets no framing header for the bodies of DELETE and OPTIONS.
function sendAtOnce(sent: ReturnType<typeof request>, body: string | Uint8Array): void {
  const framed = sent.hasHeader('content-length') || sent.hasHeader('transfer-encoding');
  if (!framed) sent.setHeader('content-length', Buffer.byteLength(body));
  sent.end(body);
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
