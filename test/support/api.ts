import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { sha1Base64 } from './bytes.ts';

/** An answer as it came over the socket. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON; undefined where it is empty. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into bodies of every shape, and fail where they differ.
  json: any;
}

export interface Call {
  headers?: OutgoingHttpHeaders;
  /** Sent as JSON, unless it is bytes, text or a stream of them. */
  body?: unknown;
}

/** One client of a server: a token and plain node:http, so that a test says exactly what is on the wire. */
export class Api {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor({ url, token }: { url: string; token?: string }, prefix = '/2.0') {
    this.#url = url + prefix;
    this.#token = token;
  }

  get(path: string, call: Call = {}): Promise<Answer> {
    return this.call('GET', path, call);
  }

  post(path: string, body?: unknown, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.call('POST', path, { body, headers });
  }

  delete(path: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.call('DELETE', path, { headers });
  }

  /** A path below the prefix, or an absolute address. */
  async call(method: string, path: string, { headers = {}, body }: Call = {}): Promise<Answer> {
    const url = path.startsWith('http') ? path : this.#url + path;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const auth = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    const sent = request(url, { method, headers: { ...auth, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: jsonOf(text) });
      });
    });
    sent.on('error', reject);
    await sendBody(sent, body).catch(() => {});
    return promise;
  }

  /** Opens a session for a new file in the root folder, and gives its JSON. */
  async createSession(
    name: string,
    size: number,
    folder = '0',
  ): Promise<{ id: string; part_size: number; total_parts: number }> {
    const answer = await this.post('/files/upload_sessions', { folder_id: folder, file_size: size, file_name: name });
    if (answer.status !== 201) throw new Error(`no session: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  /** The reference call. */
  putPart(
    session: string,
    part: { offset: number; bytes: Buffer; total: number },
    headers: OutgoingHttpHeaders = {},
  ): Promise<Answer> {
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
    whole: Buffer,
    extra: { attributes?: object; headers?: OutgoingHttpHeaders } = {},
  ): Promise<Answer> {
    const { attributes, headers } = extra;
    return this.post(
      `/files/upload_sessions/${session}/commit`,
      { parts, ...(attributes && { attributes }) },
      { digest: `sha=${sha1Base64(whole)}`, ...headers },
    );
  }

  /** Uploads `bytes` in parts, one after the other, up to but without the commit. */
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

  /** The bytes of a file, through the redirect. */
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
  if (typeof body === 'string' || body instanceof Uint8Array) return sendWhole(sent, body);
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
    for await (const chunk of body as AsyncIterable<Uint8Array>) sent.write(chunk);
    return void sent.end();
  }
  if (!sent.hasHeader('content-type')) sent.setHeader('content-type', 'application/json');
  sendWhole(sent, JSON.stringify(body));
}

// Node frames the bodies of DELETE and OPTIONS by no header of its own.
function sendWhole(sent: ReturnType<typeof request>, body: string | Uint8Array): void {
  const framed = sent.hasHeader('content-length') || sent.hasHeader('transfer-encoding');
  if (!framed) sent.setHeader('content-length', Buffer.byteLength(body));
  sent.end(body);
}

function jsonOf(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
