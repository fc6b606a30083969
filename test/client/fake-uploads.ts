import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import { ApiError } from '../../packages/client/src/errors.ts';
import { memoryStateStore } from '../../packages/client/src/node/index.ts';
import type { ReadPlan, UploadSource } from '../../packages/client/src/upload/source.ts';
import type { UploadClient } from '../../packages/client/src/upload/upload.ts';
import { uploadFile } from '../../packages/client/src/upload/upload-file.ts';
import type { UploadEvent, UploadOptions } from '../../packages/client/src/upload-options.ts';
import type { UploadPart } from '../../packages/protocol/src/schemas/upload-sessions.ts';
import { fakeTime } from './fake-time.ts';

type CallName = 'create' | 'get' | 'list' | 'part' | 'commit' | 'delete' | 'whole' | 'file' | 'find' | 'sessions';

interface Answer {
  /** Fails before anything is done. */
  fail?: unknown;
  /** Fails after everything is done. */
  failAfter?: unknown;
}

const sha1Of = (bytes: Uint8Array | string) => createHash('sha1').update(bytes).digest('hex');

export function apiError(status: number, code = `http_${status}`, more: { retryAfterMillis?: number } = {}): ApiError {
  return new ApiError({ message: code, status, code, call: '', ...more });
}

/**
 * A server with one session, as a client sees it, in memory. `answer` decides what happens to each call: `n` counts the
 * calls of this name, from 1.
 */
export class FakeServer {
  readonly parts = new Map<number, UploadPart>();
  readonly calls: string[] = [];
  readonly options: Record<string, unknown>[] = [];
  committed: unknown;
  partSize = 10;
  /** The open sessions that the server lists. */
  sessions: object[] = [];
  /** The SHA-1 of the only file, which has the name `found` if there is one. */
  sha1 = '';
  found: { type: string; id: string } | undefined;
  /** Milliseconds to wait after each commit that is answered with 202. */
  readonly accepted: number[] = [];
  answer: (call: CallName, n: number, detail: string) => Answer | undefined | Promise<Answer | undefined> = () =>
    undefined;

  count(call: CallName): number {
    return this.calls.filter((name) => name.split(' ')[0] === call).length;
  }

  async #call<T>(call: CallName, detail: string, options: unknown, act: () => T): Promise<T> {
    this.calls.push(`${call} ${detail}`.trim());
    this.options.push({ call, ...(options as object) });
    const { fail, failAfter } = (await this.answer(call, this.count(call), detail)) ?? {};
    if (fail !== undefined) throw fail;
    const result = act();
    if (failAfter !== undefined) throw failAfter;
    return result;
  }

  /** The client of this server, with its own state store. */
  get client(): UploadClient {
    const session = () => ({
      id: 'S',
      part_size: this.partSize,
      total_parts: 0,
      session_expires_at: '',
      session_endpoints: { upload_part: 'u', list_parts: 'l', status: 's', abort: 'a', commit: 'c', log_event: 'e' },
    });
    const file = () => ({ id: 'F', type: 'file', name: 'a', sha1: this.sha1 });
    const chunkedUploads = {
      createFileUploadSession: (body: object, options: object) =>
        this.#call('create', '', { body, ...options }, session),
      createFileUploadSessionForExistingFile: (id: string, body: object, options: object) =>
        this.#call('create', `version of ${id}`, { body, ...options }, session),
      getFileUploadSessionByUrl: (_url: string, options: object) => this.#call('get', '', options, session),
      getFileUploadSessionPartsByUrl: (_url: string, options: object) =>
        this.#call('list', '', options, () => ({ entries: [...this.parts.values()], total_count: this.parts.size })),
      uploadFilePartByUrl: (_url: string, body: Uint8Array, headers: { contentRange: string }, options: object) =>
        this.#call('part', headers.contentRange, { headers, ...options }, () => {
          const offset = Number(/\d+/.exec(headers.contentRange)?.[0]);
          const part = { part_id: `${offset}`, offset, size: body.length, sha1: sha1Of(body) };
          this.parts.set(offset, part);
          return { part };
        }),
      createFileUploadSessionCommitByUrl: (_url: string, body: object, headers: object, options: object) =>
        this.#call('commit', '', { body, headers, ...options }, () => {
          const retryAfterMillis = this.accepted.shift();
          if (retryAfterMillis !== undefined) return { retryAfterMillis };
          this.committed = body;
          return { files: { entries: [file()] } };
        }),
      deleteFileUploadSessionByUrl: (_url: string, options: object) =>
        this.#call('delete', '', options, () => undefined),
      deleteFileUploadSessionById: (id: string, options: object) => this.#call('delete', id, options, () => undefined),
      getFileUploadSessions: (options: object) =>
        this.#call('sessions', '', options, () => ({ entries: this.sessions })),
    };
    return {
      addresses: { api: 'https://api', upload: 'https://upload' },
      store: undefined,
      chunkedUploads,
      files: { getFileById: (id: string, options: object) => this.#call('file', id, options, file) },
      folders: {
        findItemByName: (_id: string, name: string, o: object) => this.#call('find', name, o, () => this.found),
      },
      uploads: {
        uploadFile: (body: object, options: object) =>
          this.#call('whole', '', { body, ...options }, () => ({ entries: [file()] })),
        uploadFileVersion: (id: string, body: object, options: object) =>
          this.#call('whole', `version of ${id}`, { body, ...options }, () => ({ entries: [file()] })),
      },
    } as unknown as UploadClient;
  }
}

/** A source of these bytes, which records how it was read. */
export class FakeSource implements UploadSource {
  readonly identity;
  readonly name = 'a';
  readonly repeatable = true;
  plan: ReadPlan | undefined;
  maxUnreleased = 100;
  unreleased = 0;
  mostUnreleased = 0;
  isChanged = false;
  readonly #bytes: Uint8Array;

  constructor(size: number) {
    this.#bytes = Uint8Array.from({ length: size }, (_, index) => index % 251);
    this.identity = { kind: 'bytes' as const, name: 'a', size };
  }

  async reopen() {
    return this;
  }

  async readAll() {
    return this.#bytes;
  }

  async isUnchanged() {
    return !this.isChanged;
  }

  async open(plan: ReadPlan) {
    this.plan = plan;
    return {
      maxUnreleased: this.maxUnreleased,
      readPart: async (offset: number, size: number) => {
        this.unreleased += 1;
        this.mostUnreleased = Math.max(this.mostUnreleased, this.unreleased);
        const body = this.#bytes.slice(offset, offset + size);
        return {
          sha1: sha1Of(body),
          body,
          release: () => {
            this.unreleased -= 1;
          },
        };
      },
      hashPart: async (offset: number, size: number) => sha1Of(this.#bytes.slice(offset, offset + size)),
      sha1: async () => sha1Of(this.#bytes),
      [Symbol.asyncDispose]: async () => {},
    };
  }
}

/** Makes time pass as fast as an upload waits. Returns a function that waits for an upload. */
export function fastTime(t: TestContext): <T>(upload: Promise<T>) => Promise<T> {
  const time = fakeTime(t);
  return async (upload) => {
    let isDone = false;
    const done = upload.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await new Promise(setImmediate);
      if (!isDone) time.advance(50);
    }
    return done;
  };
}

/** Uploads a source to a server, in parts unless the options say otherwise, and collects the events. */
export async function uploadTo(
  server: FakeServer,
  source: FakeSource,
  options: UploadOptions = {},
): Promise<{ error: unknown; events: UploadEvent[]; bytesSent: number | undefined }> {
  const events: UploadEvent[] = [];
  const given = { sessionFrom: 1, store: memoryStateStore(), onEvent: (event: UploadEvent) => events.push(event) };
  try {
    const hash = async (bytes: Uint8Array | Blob) => sha1Of(bytes as Uint8Array);
    const { bytesSent } = await uploadFile(server.client, source, { ...given, ...options }, hash);
    return { error: undefined, events, bytesSent };
  } catch (error) {
    return { error, events, bytesSent: undefined };
  }
}
