import type { UploadedFiles } from '@partway/protocol/schemas/files';
import type {
  CommitSession,
  CreateSession,
  CreateVersionSession,
  LogEvent,
  PlanUpload,
  UploadedPart,
  UploadParts,
  UploadPlan,
  UploadSession,
  UploadSessions,
} from '@partway/protocol/schemas/upload-sessions';
import { type CallOptions, parse } from '../call.ts';
import { ApiError, parseRetryAfter } from '../errors.ts';
import { type Shape, UPLOADED_FILES } from '../response-shape.ts';
import type { RequestBody } from '../transport.ts';
import { deleteIdempotently, isDeleted } from './delete.ts';
import type { Endpoint, QueryOptions } from './endpoint.ts';

const SESSION: Shape = {
  id: 'id',
  part_size: 'number',
  total_parts: 'number',
  session_expires_at: 'string',
  session_endpoints: {
    upload_part: 'string',
    commit: 'string',
    abort: 'string',
    list_parts: 'string',
    status: 'string',
  },
};
const SESSIONS: Shape = { entries: [{ id: 'id', file_size: 'number' }], 'next_marker?': 'string' };
const PART: Shape = { part_id: 'string', offset: 'number', size: 'number', 'sha1?': 'string' };
const PARTS: Shape = { entries: [PART], total_count: 'number' };
const PLAN: Shape = { hits: [{ offset: 'number', size: 'number', part_id: 'string' }], misses: [{ offset: 'number' }] };

/** Upper limit in milliseconds for the wait before a commit in progress is repeated. */
const MAX_COMMIT_WAIT = 60_000;

/** Headers of a part. */
export interface PartHeaders {
  /** `sha=` and the SHA-1 of the part in base64. */
  digest: string;
  /** `bytes FIRST-LAST/TOTAL` */
  contentRange: string;
}

export interface CommitHeaders {
  /** `sha=` and the SHA-1 of the whole file in base64. */
  digest: string;
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
}

/** The result of a commit: the file, or how long to wait before repeating it if it is still in progress (202). */
export type Committed = { files: UploadedFiles } | { files: undefined; retryAfterMillis: number };

export interface PartOptions extends CallOptions {
  /** Called with the number of bytes of the part sent so far. */
  onSent?: ((bytes: number) => void) | undefined;
  idleMillis?: number | undefined;
}

export type ChunkedUploads = ReturnType<typeof chunkedUploads>;

/**
 * The calls of chunked uploads. Methods whose names end in `ByUrl` accept a URL from a session's `session_endpoints`, which
 * is preferable. The others construct the URL from the session's ID.
 */
export function chunkedUploads({ caller, upload }: Endpoint) {
  const sessionsUrl = `${upload}/files/upload_sessions`;
  const sessionUrl = (sessionId: string) => `${sessionsUrl}/${encodeURIComponent(sessionId)}`;

  const calls = {
    /** POST /files/upload_sessions. If the response is lost, an unused session remains until it expires. */
    createFileUploadSession(requestBody: CreateSession, options: CallOptions = {}): Promise<UploadSession> {
      return caller.json(
        { ...options, method: 'POST', url: sessionsUrl, json: requestBody, repeatable: true },
        { shape: SESSION },
      );
    },

    /** POST /files/:file_id/upload_sessions: for a new version. */
    createFileUploadSessionForExistingFile(
      fileId: string,
      requestBody: CreateVersionSession,
      options: CallOptions = {},
    ): Promise<UploadSession> {
      const url = `${upload}/files/${encodeURIComponent(fileId)}/upload_sessions`;
      return caller.json({ ...options, method: 'POST', url, json: requestBody, repeatable: true }, { shape: SESSION });
    },

    /** GET /files/upload_sessions: the user's uploads in progress. This is Partway's own call; Box returns 404. */
    getFileUploadSessions({
      queryParams: query,
      ...options
    }: QueryOptions<{ marker?: string; limit?: number }> = {}): Promise<UploadSessions> {
      return caller.json({ ...options, method: 'GET', url: sessionsUrl, query }, { shape: SESSIONS });
    },

    getFileUploadSessionByUrl(url: string, options: CallOptions = {}): Promise<UploadSession> {
      return caller.json({ ...options, method: 'GET', url }, { shape: SESSION });
    },
    getFileUploadSessionById(sessionId: string, options: CallOptions = {}): Promise<UploadSession> {
      return calls.getFileUploadSessionByUrl(sessionUrl(sessionId), options);
    },

    /** PUT of one part. The response of a Partway server means that the part survives a power failure. */
    uploadFilePartByUrl(
      url: string,
      requestBody: RequestBody,
      { digest, contentRange }: PartHeaders,
      options: PartOptions = {},
    ): Promise<UploadedPart> {
      const headers = {
        'content-type': 'application/octet-stream',
        digest,
        'content-range': contentRange,
        ...options.headers,
      };
      return caller.json({ ...options, method: 'PUT', url, headers, body: requestBody }, { shape: { part: PART } });
    },
    uploadFilePart(
      sessionId: string,
      requestBody: RequestBody,
      headers: PartHeaders,
      options: PartOptions = {},
    ): Promise<UploadedPart> {
      return calls.uploadFilePartByUrl(sessionUrl(sessionId), requestBody, headers, options);
    },

    /** A page of the stored parts, ordered by offset in the file. `offset` counts parts, not bytes. */
    getFileUploadSessionPartsByUrl(
      url: string,
      { queryParams: query, ...options }: QueryOptions<{ offset?: number; limit?: number }> = {},
    ): Promise<UploadParts> {
      return caller.json({ ...options, method: 'GET', url, query }, { shape: PARTS });
    },
    getFileUploadSessionParts(
      sessionId: string,
      options: QueryOptions<{ offset?: number; limit?: number }> = {},
    ): Promise<UploadParts> {
      return calls.getFileUploadSessionPartsByUrl(`${sessionUrl(sessionId)}/parts`, options);
    },

    /** POST …/commit. If it is repeated with the same session and digest, it returns the same file. */
    async createFileUploadSessionCommitByUrl(
      url: string,
      requestBody: CommitSession,
      { digest, ifMatch, ifNoneMatch }: CommitHeaders,
      options: CallOptions = {},
    ): Promise<Committed> {
      const headers = {
        digest,
        ...(ifMatch !== undefined && { 'if-match': ifMatch }),
        ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
        ...options.headers,
      };
      const call = { ...options, method: 'POST', url, headers, json: requestBody, repeatable: true } as const;
      return caller.read<Committed>(call, async (response) => {
        const text = await response.text();
        if (response.status !== 202)
          return { files: parse<UploadedFiles>(call, response.status, text, UPLOADED_FILES) };
        return { files: undefined, retryAfterMillis: Math.min(parseRetryAfter(response) ?? 1000, MAX_COMMIT_WAIT) };
      });
    },
    createFileUploadSessionCommit(
      sessionId: string,
      requestBody: CommitSession,
      headers: CommitHeaders,
      options: CallOptions = {},
    ): Promise<Committed> {
      return calls.createFileUploadSessionCommitByUrl(`${sessionUrl(sessionId)}/commit`, requestBody, headers, options);
    },

    /** DELETE of a session with its stored parts. It does not delete a committed file. */
    async deleteFileUploadSessionByUrl(url: string, options: CallOptions = {}): Promise<void> {
      try {
        await caller.json(
          { ...options, method: 'DELETE', url },
          deleteIdempotently(() => isDeleted(caller, url, options)),
        );
      } catch (error) {
        // The session does not exist, perhaps because the response to an earlier attempt was lost.
        if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 410)) throw error;
      }
    },
    deleteFileUploadSessionById(sessionId: string, options: CallOptions = {}): Promise<void> {
      return calls.deleteFileUploadSessionByUrl(sessionUrl(sessionId), options);
    },

    /** POST …/plan: returns which parts are already stored by the user and do not have to be uploaded. */
    createFileUploadSessionPlan(
      sessionId: string,
      requestBody: PlanUpload,
      options: CallOptions = {},
    ): Promise<UploadPlan> {
      const url = `${sessionUrl(sessionId)}/plan`;
      return caller.json({ ...options, method: 'POST', url, json: requestBody, repeatable: true }, { shape: PLAN });
    },

    /** POST …/log: writes a failure to the server's log. */
    async createFileUploadSessionLog(
      sessionId: string,
      requestBody: LogEvent,
      options: CallOptions = {},
    ): Promise<void> {
      await caller.json({ ...options, method: 'POST', url: `${sessionUrl(sessionId)}/log`, json: requestBody });
    },
  };
  return calls;
}
