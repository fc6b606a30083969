import type { ErrorObject } from '@partway/protocol/schemas/oauth';
import type { TransportResponse } from './transport.ts';

/** What a server refused, in its own words (wire: "Errors"). */
export class ApiError extends Error {
  /** The HTTP status. */
  readonly status: number;
  /** Such as `item_name_in_use`; `unauthorized` of a 401; `http_STATUS` where the server named none. */
  readonly code: string;
  /** Under which the server's log has it; empty where it gave none. */
  readonly requestId: string;
  /** `context_info`: of a conflict, for example, whom with. */
  readonly contextInfo: Readonly<Record<string, unknown>>;
  /** After how many milliseconds the server wants to be asked again, where it said so. */
  readonly retryAfterMillis: number | undefined;
  /** METHOD and path of the call, without its query. */
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

/** Reads the refusal out of an answer; also where its body is empty, or is not the API's but a proxy's. */
export async function parseApiError(answer: TransportResponse, call: string): Promise<ApiError> {
  const text = await answer.text();
  const body = errorObjectIn(text);
  return new ApiError({
    message: messageOf(answer, body, call),
    status: answer.status,
    code: body.code ?? (answer.status === 401 ? 'unauthorized' : `http_${answer.status}`),
    requestId: body.request_id ?? answer.header('box-request-id') ?? '',
    contextInfo: body.context_info ?? {},
    retryAfterMillis: parseRetryAfter(answer),
    call,
  });
}

/** No server is waited for longer than this, whatever it asks for; timers take no more than 24 days. */
const LONGEST_RETRY_AFTER = 24 * 60 * 60 * 1000;

/** `Retry-After` in milliseconds, given as seconds or as a date; a day at most. */
export function parseRetryAfter(answer: Pick<TransportResponse, 'header'>, now = Date.now()): number | undefined {
  const header = answer.header('retry-after');
  if (header === undefined) return undefined;
  const millis = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(millis) ? undefined : Math.min(Math.max(0, millis), LONGEST_RETRY_AFTER);
}

function errorObjectIn(text: string): Partial<ErrorObject> & { error?: string; error_description?: string } {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null) return {};
    const { error } = body as { error?: unknown };
    // The token route says what is wrong in OAuth's words.
    return typeof error === 'string' ? { ...body, code: error } : body;
  } catch {
    return {};
  }
}

function messageOf(answer: TransportResponse, body: ReturnType<typeof errorObjectIn>, call: string): string {
  const said = body.message ?? body.error_description;
  if (said !== undefined) return said;
  const challenge = /error_description="([^"]*)"/.exec(answer.header('www-authenticate') ?? '')?.[1];
  if (challenge !== undefined) return challenge;
  const location = answer.header('location');
  if (location !== undefined) return `${call} is redirected to ${location}; use that server's address instead.`;
  return `${call} was answered with status ${answer.status}.`;
}

/** How much of an unexpected body is shown, in characters. */
const SHOWN = 80;

/**
 * A success (2xx) without what the API promises, such as a proxy's page. Whether the server did what was asked is unknown.
 */
export class UnexpectedResponse extends Error {
  /** The HTTP status. */
  readonly status: number;
  /** The address that was asked, without its query. */
  readonly url: string;

  constructor({ method, url, status, text }: { method: string; url: string; status: number; text: string }) {
    const { origin, pathname } = new URL(url);
    super(
      `${method} ${origin}${pathname} was answered with ${status} and ${shown(text)}, which is not a response of this API. ` +
        'Something between here and the server answers in its place (a proxy, a login page), or the address is another service’s.',
    );
    this.name = 'UnexpectedAnswer';
    this.status = status;
    this.url = `${origin}${pathname}`;
  }
}

function shown(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line === '') return 'no body';
  return `“${line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line}”`;
}

/** The source gives other bytes than it gave before, and cannot be begun anew by itself. */
export class SourceChangedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SourceChangedError';
  }
}
