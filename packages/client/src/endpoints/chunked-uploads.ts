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
import { type Shape, UPLOADED } from '../response-shape.ts';
import type { RequestBody } from '../transport.ts';
import { deleteIdempotently, isGone } from './delete.ts';
import type { Endpoint, QueryOptions } from './endpoint.ts';

const SESSION: Shape = {
  id: 'string',
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
const SESSIONS: Shape = { entries: [{ id: 'string', file_size: 'number' }], 'next_marker?': 'string' };
const PART: Shape = { part_id: 'string', offset: 'number', size: 'number', 'sha1?': 'string' };
const PARTS: Shape = { entries: [PART], total_count: 'number' };
const PLAN: Shape = { hits: [{ offset: 'number', size: 'number', part_id: 'string' }], misses: [{ offset: 'number' }] };

/** A server that is still at a commit is asked again after this at the latest, in milliseconds. */
const LONGEST_COMMIT_WAIT = 60_000;

/** A part's headers (wire: "The reference call"). */
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

/** What a commit brings: the file, or after how long to ask again where the server is still at it (202). */
export type Committed = { files: UploadedFiles } | { files: undefined; retryAfterMillis: number };

export interface PartOptions extends CallOptions {
  /** How many bytes of the part have gone out. */
  onSent?: ((bytes: number) => void) | undefined;
  idleMillis?: number | undefined;
}

export type ChunkedUploads = ReturnType<typeof chunkedUploads>;

/**
 * The calls of chunked upload. Those whose names end in `ByUrl` take an address out of a session's `session_endpoints`,
 * which is the better way where there is one; the others make it of the session's id.
 */
export function chunkedUploads({ caller, upload }: Endpoint) {
  const sessions = `${upload}/files/upload_sessions`;
  const at = (sessionId: string) => `${sessions}/${encodeURIComponent(sessionId)}`;

  const calls = {
    /** POST /files/upload_sessions. A lost answer leaves a session that nobody uses and that expires. */
    createFileUploadSession(requestBody: CreateSession, options: CallOptions = {}): Promise<UploadSession> {
      return caller.json(
        { ...options, method: 'POST', url: sessions, json: requestBody, repeatable: true },
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

    /** GET /files/upload_sessions: the user's uploads under way. Partway's own call; Box answers it with 404. */
    getFileUploadSessions({
      queryParams: query,
      ...options
    }: QueryOptions<{ marker?: string; limit?: number }> = {}): Promise<UploadSessions> {
      return caller.json({ ...options, method: 'GET', url: sessions, query }, { shape: SESSIONS });
    },

    getFileUploadSessionByUrl(url: string, options: CallOptions = {}): Promise<UploadSession> {
      return caller.json({ ...options, method: 'GET', url }, { shape: SESSION });
    },
    getFileUploadSessionById(sessionId: string, options: CallOptions = {}): Promise<UploadSession> {
      return calls.getFileUploadSessionByUrl(at(sessionId), options);
    },

    /** PUT of one part. The reply means that the part will be there after a power cut (of a Partway server). */
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
      return calls.uploadFilePartByUrl(at(sessionId), requestBody, headers, options);
    },

    /** A page of the stored parts, by their offset in the file; `offset` counts parts, not bytes. */
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
      return calls.getFileUploadSessionPartsByUrl(`${at(sessionId)}/parts`, options);
    },

    /** POST …/commit. A second one of the same session and digest is answered with the same file. */
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
      return caller.read<Committed>(call, async (answer) => {
        const text = await answer.text();
        if (answer.status !== 202) return { files: parse<UploadedFiles>(call, answer.status, text, UPLOADED) };
        return { files: undefined, retryAfterMillis: Math.min(parseRetryAfter(answer) ?? 1000, LONGEST_COMMIT_WAIT) };
      });
    },
    createFileUploadSessionCommit(
      sessionId: string,
      requestBody: CommitSession,
      headers: CommitHeaders,
      options: CallOptions = {},
    ): Promise<Committed> {
      return calls.createFileUploadSessionCommitByUrl(`${at(sessionId)}/commit`, requestBody, headers, options);
    },

    /** DELETE of a session: everything stored in it goes. A committed file stays. */
    async deleteFileUploadSessionByUrl(url: string, options: CallOptions = {}): Promise<void> {
      try {
        await caller.json(
          { ...options, method: 'DELETE', url },
          deleteIdempotently(() => isGone(caller, url, options)),
        );
      } catch (error) {
        // Gone is what was asked for, be it by a first try whose answer was lost.
        if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 410)) throw error;
      }
    },
    deleteFileUploadSessionById(sessionId: string, options: CallOptions = {}): Promise<void> {
      return calls.deleteFileUploadSessionByUrl(at(sessionId), options);
    },

    /** POST …/plan: which parts the user has stored before, so that they need no upload. */
    createFileUploadSessionPlan(
      sessionId: string,
      requestBody: PlanUpload,
      options: CallOptions = {},
    ): Promise<UploadPlan> {
      const url = `${at(sessionId)}/plan`;
      return caller.json({ ...options, method: 'POST', url, json: requestBody, repeatable: true }, { shape: PLAN });
    },

    /** POST …/log: a failure, for the server's log. */
    async createFileUploadSessionLog(
      sessionId: string,
      requestBody: LogEvent,
      options: CallOptions = {},
    ): Promise<void> {
      await caller.json({ ...options, method: 'POST', url: `${at(sessionId)}/log`, json: requestBody });
    },
  };
  return calls;
}
