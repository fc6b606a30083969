import { ApiError, readApiError } from './api-error.ts';
import { backoff } from './backoff.ts';
import { sleep } from './sleep.ts';
import type { TokenSource } from './token-source.ts';
import { type RequestBody, type Transport, type TransportAnswer, TransportError } from './transport.ts';

/** What every call takes beside its own arguments. */
export interface CallOptions {
  /** Further headers of the request, such as `if-match` or `as-user`. */
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
  /** How often it is tried again after a 429, a 5xx or a broken connection, where that does no harm; 4 unless set. */
  retries?: number | undefined;
}

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

/** The one way to a server: token, headers, tries again, refusals into errors. */
export interface Caller {
  /** Resolves with an answer of 2xx, or 3xx where redirects are not to be followed. @throws ApiError, TransportError, or the signal's reason. */
  answer(call: Call): Promise<TransportAnswer>;
  /** The answer's JSON, which is trusted to be what the schema says; undefined where the body is empty. */
  json<T>(call: Call): Promise<T>;
}

const RETRIES = 4;
const IDLE_MILLIS = 90_000;

export function makeCaller(transport: Transport, tokens: TokenSource, ownHeaders: Record<string, string>): Caller {
  async function answer(call: Call): Promise<TransportAnswer> {
    const retries = call.retries ?? RETRIES;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await authorized(call);
      } catch (error) {
        if (attempt > retries || !mayTryAgain(error, call.repeatable ?? call.method !== 'POST')) throw error;
        await sleep(backoff(attempt, error), call.signal);
      }
    }
  }

  async function authorized(call: Call): Promise<TransportAnswer> {
    if (call.authorized === false) return once(call, undefined);
    const token = await tokens.current();
    try {
      return await once(call, token);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      const renewed = await tokens.renewed(token);
      if (renewed === undefined) throw error;
      return once(call, renewed);
    }
  }

  async function once(call: Call, token: string | undefined): Promise<TransportAnswer> {
    const response = await transport.send({
      method: call.method,
      url: call.url + queryOf(call.query),
      headers: {
        accept: 'application/json',
        ...ownHeaders,
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
    if (response.status < 300 || (response.status < 400 && call.redirect === 'manual')) return response;
    throw await readApiError(response, `${call.method} ${new URL(call.url).pathname}`);
  }

  return {
    answer,
    async json<T>(call: Call): Promise<T> {
      const text = await (await answer(call)).text();
      return (text === '' ? undefined : JSON.parse(text)) as T;
    },
  };
}

/** Whether trying again may help and does no harm. */
export function mayTryAgain(error: unknown, repeatable: boolean): boolean {
  if (error instanceof TransportError) return repeatable;
  if (!(error instanceof ApiError)) return false;
  if (error.status === 429 || error.status === 503) return true;
  return repeatable && (error.status === 408 || (error.status >= 500 && error.status !== 507));
}

/** Lists go by commas, as the API takes them; what is undefined is left out. */
function queryOf(query: object = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given}`;
}
