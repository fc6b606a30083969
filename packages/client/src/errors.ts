import type { ErrorObject } from '@partway/protocol/schemas/oauth';
import type { TransportResponse } from './transport.ts';

/** An error response of the server. */
export class ApiError extends Error {
  /** The HTTP status. */
  readonly status: number;
  /** Such as `item_name_in_use`; `unauthorized` for a 401; `http_STATUS` if the server sent none. */
  readonly code: string;
  /** Identifies the request in the server's log; empty if the server sent none. */
  readonly requestId: string;
  /** `context_info`; for a conflict, for example, the existing item. */
  readonly contextInfo: Readonly<Record<string, unknown>>;
  /** `Retry-After` in milliseconds, if the server sent one. */
  readonly retryAfterMillis: number | undefined;
  /** Method and path of the call, without the query. */
  readonly call: string;

  constructor(fields: {
    message: string;
    status: number;
    code: string;
    requestId?: string;
    contextInfo?: Record<string, unknown>;
    retryAfterMillis?: number | undefined;
    call: string;
  }) {
    super(fields.message);
    this.name = 'ApiError';
    this.status = fields.status;
    this.code = fields.code;
    this.requestId = fields.requestId ?? '';
    this.contextInfo = fields.contextInfo ?? {};
    this.retryAfterMillis = fields.retryAfterMillis;
    this.call = fields.call;
  }
}

/** Parses an error response, even if its body is empty or comes from a proxy. */
export async function parseApiError(response: TransportResponse, call: string): Promise<ApiError> {
  const text = await response.text();
  const body = parseErrorObject(text);
  return new ApiError({
    message: findMessage(response, body, call),
    status: response.status,
    code: body.code ?? (response.status === 401 ? 'unauthorized' : `http_${response.status}`),
    requestId: body.request_id ?? response.header('box-request-id') ?? '',
    contextInfo: body.context_info ?? {},
    retryAfterMillis: parseRetryAfter(response),
    call,
  });
}

/** Upper limit in milliseconds, regardless of what the server sends. Timers cannot be set beyond 24 days. */
const MAX_RETRY_AFTER = 24 * 60 * 60 * 1000;

/** Parses `Retry-After`, in seconds or as a date. Returns milliseconds, at most a day. */
export function parseRetryAfter(response: Pick<TransportResponse, 'header'>, now = Date.now()): number | undefined {
  const header = response.header('retry-after');
  if (header === undefined) return undefined;
  const millis = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(millis) ? undefined : Math.min(Math.max(0, millis), MAX_RETRY_AFTER);
}

function parseErrorObject(text: string): Partial<ErrorObject> & { error?: string; error_description?: string } {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null) return {};
    const { error } = body as { error?: unknown };
    // The token endpoint returns OAuth errors.
    return typeof error === 'string' ? { ...body, code: error } : body;
  } catch {
    return {};
  }
}

function findMessage(response: TransportResponse, body: ReturnType<typeof parseErrorObject>, call: string): string {
  const message = body.message ?? body.error_description;
  if (message !== undefined) return message;
  const challenge = /error_description="([^"]*)"/.exec(response.header('www-authenticate') ?? '')?.[1];
  if (challenge !== undefined) return challenge;
  const location = response.header('location');
  if (location !== undefined) return `${call} was redirected to ${location}. Use that server's address instead.`;
  return `${call} returned status ${response.status}.`;
}

/** How much of an unexpected body the message contains, in characters. */
const EXCERPT_LENGTH = 80;

/**
 * A success (2xx) without the content that the API promises, for example a proxy's page. It is unknown whether the server
 * did what was requested.
 */
export class UnexpectedResponse extends Error {
  /** The HTTP status. */
  readonly status: number;
  /** The URL of the request, without the query. */
  readonly url: string;

  constructor({ method, url, status, text }: { method: string; url: string; status: number; text: string }) {
    const { origin, pathname } = new URL(url);
    super(
      `${method} ${origin}${pathname} returned ${status} with ${excerpt(text)}, which is not a response of this API. ` +
        'A proxy or a login page may be responding in place of the server, or the address belongs to another service.',
    );
    this.name = 'UnexpectedResponse';
    this.status = status;
    this.url = `${origin}${pathname}`;
  }
}

function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line === '') return 'no body';
  return `“${line.length > EXCERPT_LENGTH ? `${line.slice(0, EXCERPT_LENGTH)}…` : line}”`;
}

/** The source has changed during the upload, and the upload cannot restart by itself. */
export class SourceChangedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SourceChangedError';
  }
}
