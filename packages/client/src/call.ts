import { ApiError, parseApiError, UnexpectedResponse } from './errors.ts';
import { matchesShape, type Shape } from './response-shape.ts';
import { canRetry, mayHaveSucceeded, RetryWindow, sleep } from './retry.ts';
import type { TokenSource } from './token-source.ts';
import { type RequestBody, type Transport, TransportError, type TransportResponse } from './transport.ts';

/** What every call takes beside its own arguments. */
export interface CallOptions {
  /** Further headers of the request, such as `if-match` or `as-user`. */
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
  /** How often it is tried again after a 429, a 5xx or a broken connection, where that does no harm; 4 unless set. */
  retries?: number | undefined;
  /** Instead of `retries`: for how long it is tried again, in milliseconds; that of the client unless set. */
  patience?: number | undefined;
}

/** What was refused, or answered in a way that leaves open what the server did. */
export type Outcome = ApiError | UnexpectedResponse;

export interface Call extends CallOptions {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS';
  url: string;
  query?: object | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: RequestBody | undefined;
  /** Whether a second try can do harm where the first one's answer was lost. Refusals by 429 and 503 never do. */
  repeatable?: boolean;
  redirect?: 'follow' | 'manual';
  /** False for the calls that need no token. */
  authorized?: boolean;
  idleMillis?: number | undefined;
  onSent?: ((bytes: number) => void) | undefined;
}

/** What an answer has to hold, and how to find out what a lost one would have been. */
export interface Expected<T> {
  /** Undefined where nothing of the answer is used. */
  shape?: Shape | undefined;
  /**
   * What an earlier try did, after the answer of one was lost and `outcome` came of the next, or was of no use itself;
   * undefined where it did nothing. `sinceMillis` is how long ago the first try began.
   */
  settle?: ((outcome: Outcome, sinceMillis: number) => Promise<T | undefined>) | undefined;
}

/** The one way to a server: token, headers, tries again, refusals into errors. */
export interface Caller {
  /** Resolves with an answer of 2xx, or 3xx where redirects are not to be followed. @throws ApiError, TransportError, or the signal's reason. */
  answer(call: Call): Promise<TransportResponse>;
  /** The answer's JSON, which holds what `shape` says; undefined where none is given and the body is empty. @throws UnexpectedResponse too. */
  json<T>(call: Call, expected?: Expected<T>): Promise<T>;
  /** The same with a part of the work done on each answer, within its tries: reading its body, above all. */
  read<T>(call: Call, read: (answer: TransportResponse) => Promise<T>, settle?: Expected<T>['settle']): Promise<T>;
}

/** A call that failed and is about to be tried again. */
export interface CallRetry {
  /** METHOD and path. */
  call: string;
  waitMillis: number;
  error: unknown;
}

interface CallerSettings {
  ownHeaders: Record<string, string>;
  /** For how long calls are tried again unless they say otherwise, in milliseconds; undefined for four times. */
  patience?: number | undefined;
  onRetry?: ((retry: CallRetry) => void) | undefined;
}

const RETRIES = 4;
const IDLE_MILLIS = 90_000;

export function makeCaller(transport: Transport, tokens: TokenSource, settings: CallerSettings): Caller {
  /** Whether this server has ever answered. One that never did is more likely a slip in the address than an outage. */
  let answered = false;

  async function read<T>(
    call: Call,
    readOne: (answer: TransportResponse) => Promise<T>,
    settle?: Expected<T>['settle'],
  ): Promise<T> {
    const beganAt = performance.now();
    const limits = limitsOf(call);
    const repeatable = call.repeatable ?? call.method !== 'POST';
    let mayBeDone = false;
    for (let attempt = 1; ; attempt += 1) {
      let sent = false;
      try {
        return await readOne(
          await authorized(call, () => {
            sent = true;
          }),
        );
      } catch (error) {
        if (sent && mayHaveSucceeded(error)) mayBeDone = true;
        if (mayBeDone && settle !== undefined && isOutcome(error)) {
          const settled = await settle(error, performance.now() - beganAt);
          if (settled !== undefined) return settled;
        }
        if (!canRetry(error, repeatable || !sent)) throw error;
        if (attempt > limits.retries || (error instanceof TransportError && !answered && attempt > RETRIES))
          throw error;
        const waitMillis = limits.window.waitAfter(attempt, error);
        settings.onRetry?.({ call: nameOf(call), waitMillis, error });
        await sleep(waitMillis, call.signal);
      }
    }
  }

  function limitsOf({ retries, patience = settings.patience }: Call): { retries: number; window: RetryWindow } {
    if (retries !== undefined) return { retries, window: new RetryWindow(Number.POSITIVE_INFINITY) };
    if (patience === undefined) return { retries: RETRIES, window: new RetryWindow(Number.POSITIVE_INFINITY) };
    return { retries: Number.POSITIVE_INFINITY, window: new RetryWindow(patience) };
  }

  async function authorized(call: Call, onSend: () => void): Promise<TransportResponse> {
    if (call.authorized === false) return once(call, undefined, onSend);
    const token = await tokens.current();
    try {
      return await once(call, token, onSend);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      const renewed = await tokens.renewed(token);
      if (renewed === undefined) throw error;
      return once(call, renewed, onSend);
    }
  }

  async function once(call: Call, token: string | undefined, onSend: () => void): Promise<TransportResponse> {
    onSend();
    const response = await transport.send({
      method: call.method,
      url: call.url + queryOf(call.query),
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
    answered = true;
    if (response.status < 300 || (response.status < 400 && call.redirect === 'manual')) return response;
    throw await parseApiError(response, nameOf(call));
  }

  return {
    answer: (call) => read(call, async (response) => response),
    read,
    json<T>(call: Call, { shape, settle }: Expected<T> = {}): Promise<T> {
      return read(call, async (response) => parse<T>(call, response.status, await response.text(), shape), settle);
    },
  };
}

/** JSON of a body that has to have a shape. @throws UnexpectedResponse where it has another. */
export function parse<T>(call: Pick<Call, 'method' | 'url'>, status: number, text: string, shape?: Shape): T {
  const value = parsed(text);
  if (shape === undefined || matchesShape(value, shape)) return value as T;
  throw new UnexpectedResponse({ method: call.method, url: call.url, status, text });
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // A page of a proxy's, which fits no shape.
    return null;
  }
}

function isOutcome(error: unknown): error is Outcome {
  return error instanceof ApiError || error instanceof UnexpectedResponse;
}

function nameOf(call: Call): string {
  return `${call.method} ${new URL(call.url).pathname}`;
}

/** Lists go by commas, as the API takes them; what is undefined is left out. */
function queryOf(query: object = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given}`;
}
