import { ApiError, parseApiError, UnexpectedResponse } from './errors.ts';
import { matchesShape, type Shape } from './response-shape.ts';
import { canRetry, mayHaveSucceeded, RetryWindow, sleep } from './retry.ts';
import type { TokenSource } from './token-source.ts';
import { type RequestBody, type Transport, TransportError, type TransportResponse } from './transport.ts';

/** Options of every API method. */
export interface CallOptions {
  /** Additional request headers, such as `if-match` or `as-user`. */
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
  /** Maximum number of retries after a 429, a 5xx or a connection error, if repeating the call is safe. Default: 4. */
  retries?: number | undefined;
  /** Instead of `retries`: for how long to retry, in milliseconds. Default: that of the client. */
  patience?: number | undefined;
}

/** An error response, or a response that does not tell whether the server did what was requested. */
export type ResponseError = ApiError | UnexpectedResponse;

export interface Call extends CallOptions {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS';
  url: string;
  query?: object | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: RequestBody | undefined;
  /**
   * Whether the call can be repeated if the response to the first attempt was lost. By default, only POST cannot. After a
   * 429 or 503, every call can.
   */
  repeatable?: boolean;
  redirect?: 'follow' | 'manual';
  /** False for calls that need no token. */
  authorized?: boolean;
  idleMillis?: number | undefined;
  onSent?: ((bytes: number) => void) | undefined;
}

/** What a response must contain, and how to recover a lost one. */
export interface Expected<T> {
  /** Undefined if nothing of the response is used. */
  shape?: Shape | undefined;
  /**
   * Called with the error of an attempt if the server may already have done what was requested. Resolves with the result
   * that the lost response had, or with undefined if the server did nothing. `sinceMillis`: time since the first attempt.
   */
  recover?: ((error: ResponseError, sinceMillis: number) => Promise<T | undefined>) | undefined;
}

/** Sends calls to a server: adds the token and headers, retries, and turns error responses into errors. */
export interface Caller {
  /** Resolves with a 2xx response, or 3xx if `redirect` is 'manual'. @throws ApiError, TransportError, or the signal's reason. */
  send(call: Call): Promise<TransportResponse>;
  /** Resolves with the JSON of the response, which matches `shape`; undefined if the body is empty. @throws UnexpectedResponse too. */
  json<T>(call: Call, expected?: Expected<T>): Promise<T>;
  /** Like `send`, but also reads the response, so that errors while reading it are retried too. */
  read<T>(call: Call, read: (response: TransportResponse) => Promise<T>, recover?: Expected<T>['recover']): Promise<T>;
}

/** A call that failed and will be retried. */
export interface CallRetry {
  /** Method and path. */
  call: string;
  waitMillis: number;
  error: unknown;
}

interface CallerSettings {
  ownHeaders: Record<string, string>;
  /** For how long calls are retried by default, in milliseconds. If undefined, they are retried four times. */
  patience?: number | undefined;
  onRetry?: ((retry: CallRetry) => void) | undefined;
}

const RETRIES = 4;
const IDLE_MILLIS = 90_000;

export function createCaller(transport: Transport, tokens: TokenSource, settings: CallerSettings): Caller {
  /** Whether this server has ever responded. If not, the address is more likely wrong than the server down. */
  let hasResponded = false;

  async function read<T>(
    call: Call,
    readResponse: (response: TransportResponse) => Promise<T>,
    recover?: Expected<T>['recover'],
  ): Promise<T> {
    const startedAt = performance.now();
    const limits = retryLimits(call);
    const repeatable = call.repeatable ?? call.method !== 'POST';
    let mayBeApplied = false;
    for (let attempt = 1; ; attempt += 1) {
      let wasSent = false;
      try {
        return await readResponse(
          await sendAuthorized(call, () => {
            wasSent = true;
          }),
        );
      } catch (error) {
        if (wasSent && mayHaveSucceeded(error)) mayBeApplied = true;
        if (mayBeApplied && recover !== undefined && isResponseError(error)) {
          const recovered = await recover(error, performance.now() - startedAt);
          if (recovered !== undefined) return recovered;
        }
        if (!canRetry(error, repeatable || !wasSent)) throw error;
        if (attempt > limits.retries || (error instanceof TransportError && !hasResponded && attempt > RETRIES))
          throw error;
        const waitMillis = limits.window.nextWait(attempt, error);
        settings.onRetry?.({ call: describeCall(call), waitMillis, error });
        await sleep(waitMillis, call.signal);
      }
    }
  }

  function retryLimits({ retries, patience = settings.patience }: Call): { retries: number; window: RetryWindow } {
    if (retries !== undefined) return { retries, window: new RetryWindow(Number.POSITIVE_INFINITY) };
    if (patience === undefined) return { retries: RETRIES, window: new RetryWindow(Number.POSITIVE_INFINITY) };
    return { retries: Number.POSITIVE_INFINITY, window: new RetryWindow(patience) };
  }

  async function sendAuthorized(call: Call, onSend: () => void): Promise<TransportResponse> {
    if (call.authorized === false) return sendOnce(call, undefined, onSend);
    const token = await tokens.get();
    try {
      return await sendOnce(call, token, onSend);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      const renewed = await tokens.renew(token);
      if (renewed === undefined) throw error;
      return sendOnce(call, renewed, onSend);
    }
  }

  async function sendOnce(call: Call, token: string | undefined, onSend: () => void): Promise<TransportResponse> {
    onSend();
    const response = await transport.send({
      method: call.method,
      url: call.url + renderQuery(call.query),
      headers: {
        accept: 'application/json',
        ...settings.ownHeaders,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(call.json !== undefined && { 'content-type': 'application/json' }),
        ...call.headers,
      },
      body: call.json === undefined ? call.body : JSON.stringify(call.json),
      signal: call.signal,
      redirect: call.redirect ?? 'follow',
      idleMillis: call.idleMillis ?? IDLE_MILLIS,
      onSent: call.onSent,
    });
    hasResponded = true;
    if (response.status < 300 || (response.status < 400 && call.redirect === 'manual')) return response;
    throw await parseApiError(response, describeCall(call));
  }

  return {
    send: (call) => read(call, async (response) => response),
    read,
    json<T>(call: Call, { shape, recover }: Expected<T> = {}): Promise<T> {
      return read(call, async (response) => parse<T>(call, response.status, await response.text(), shape), recover);
    },
  };
}

/** Parses a JSON body. @throws UnexpectedResponse if it does not match `shape`. */
export function parse<T>(call: Pick<Call, 'method' | 'url'>, status: number, text: string, shape?: Shape): T {
  const value = parseJson(text);
  if (shape === undefined || matchesShape(value, shape)) return value as T;
  throw new UnexpectedResponse({ method: call.method, url: call.url, status, text });
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // For example the HTML page of a proxy. Null matches no shape.
    return null;
  }
}

function isResponseError(error: unknown): error is ResponseError {
  return error instanceof ApiError || error instanceof UnexpectedResponse;
}

function describeCall(call: Call): string {
  return `${call.method} ${new URL(call.url).pathname}`;
}

/** Arrays become comma-separated, as the API expects; undefined values are left out. */
function renderQuery(query: object = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) params.set(name, String(value));
  return params.size === 0 ? '' : `?${params}`;
}
