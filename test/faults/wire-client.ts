import { setTimeout as sleep } from 'node:timers/promises';
import { sha1Base64, sha1Hex } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';

export interface WireSession {
  id: string;
  part_size: number;
  total_parts: number;
}

export interface WirePart {
  part_id: string;
  offset: number;
  size: number;
  sha1: string;
}

export interface WireFile {
  id: string;
  name: string;
  size: number;
  sha1: string;
}

/** The server responded with an error. */
export class ErrorResponse extends Error {
  readonly status: number;
  readonly code: string;
  /** The header of that name; null if it was not sent. */
  readonly retryAfter: string | null;

  constructor(call: string, answer: Response, body: string) {
    super(`${call} was answered with ${answer.status}: ${body}`);
    this.status = answer.status;
    this.retryAfter = answer.headers.get('retry-after');
    this.code = /"code":"(\w+)"/.exec(body)?.[1] ?? '';
  }
}

/** The calls of an upload in their shortest form. A call without a response rejects like `fetch`. */
export class WireClient {
  readonly #server: Pick<TestServer, 'url' | 'token'>;

  constructor(server: Pick<TestServer, 'url' | 'token'>) {
    this.#server = server;
  }

  create(name: string, size: number): Promise<WireSession> {
    const body = JSON.stringify({ folder_id: '0', file_size: size, file_name: name });
    return this.#json(201, 'POST', '/files/upload_sessions', { body });
  }

  async put(session: string, offset: number, bytes: Buffer, total: number): Promise<WirePart> {
    const headers = {
      digest: `sha=${sha1Base64(bytes)}`,
      'content-range': `bytes ${offset}-${offset + bytes.length - 1}/${total}`,
      'content-type': 'application/octet-stream',
    };
    const body = new Uint8Array(bytes);
    const answer = await this.#json<{ part: WirePart }>(200, 'PUT', `/files/upload_sessions/${session}`, {
      headers,
      body,
    });
    return answer.part;
  }

  /** All stored parts. */
  async list(session: string): Promise<WirePart[]> {
    const path = `/files/upload_sessions/${session}/parts?limit=1000`;
    return (await this.#json<{ entries: WirePart[] }>(200, 'GET', path)).entries;
  }

  /** Creates the file, and retries while the server returns 202. */
  async commit(session: string, parts: readonly WirePart[], file: Buffer): Promise<WireFile> {
    const path = `/files/upload_sessions/${session}/commit`;
    const headers = { digest: `sha=${sha1Base64(file)}`, 'content-type': 'application/json' };
    for (;;) {
      const answer = await this.#send('POST', path, { headers, body: JSON.stringify({ parts }) });
      if (answer.status === 201) return getFirstEntry(await answer.json());
      if (answer.status !== 202) throw new ErrorResponse(path, answer, await answer.text());
      await sleep(100);
    }
  }

  async abort(session: string): Promise<void> {
    const path = `/files/upload_sessions/${session}`;
    const answer = await this.#send('DELETE', path);
    if (answer.status !== 204) throw new ErrorResponse(path, answer, await answer.text());
  }

  /** The SHA-1 of a downloaded file, following the redirect. */
  async downloadSha1(file: string): Promise<string> {
    const answer = await this.#send('GET', `/files/${file}/content`);
    if (answer.status !== 200) throw new ErrorResponse(`the download of ${file}`, answer, await answer.text());
    return sha1Hex(Buffer.from(await answer.arrayBuffer()));
  }

  /** The names in the root folder. */
  async names(): Promise<string[]> {
    const path = '/folders/0/items?limit=1000';
    return (await this.#json<{ entries: WireFile[] }>(200, 'GET', path)).entries.map(({ name }) => name);
  }

  async #json<T>(status: number, method: string, path: string, init: RequestInit = {}): Promise<T> {
    const answer = await this.#send(method, path, init);
    if (answer.status !== status) throw new ErrorResponse(`${method} ${path}`, answer, await answer.text());
    return (await answer.json()) as T;
  }

  #send(method: string, path: string, { headers, ...init }: RequestInit = {}): Promise<Response> {
    const { url, token } = this.#server;
    return fetch(`${url}/2.0${path}`, { method, headers: { authorization: `Bearer ${token}`, ...headers }, ...init });
  }
}

function getFirstEntry(answer: unknown): WireFile {
  const { entries } = answer as { entries: WireFile[] };
  if (entries.length !== 1 || entries[0] === undefined) throw new Error('a commit did not answer with one file');
  return entries[0];
}
