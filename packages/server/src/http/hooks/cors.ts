import type { IncomingMessage } from 'node:http';
import cors, { type FastifyCorsOptions } from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { getOrigin } from '../addresses.ts';
import { ApiError } from '../api-error.ts';
import type { HttpSettings } from '../services.ts';

/** Request headers that browser clients of Box send; `EXPOSED_HEADERS` are response headers that they read. */
const KNOWN_HEADERS =
  'Authorization, Content-Type, Accept, Accept-Language, As-User, Digest, Content-Range, Content-MD5, Box-Version, BoxApi, X-Rep-Hints, X-Box-Client-Name, X-Box-Client-Version, X-Box-Client-Event-Info, X-Box-UA, X-File-Name, X-File-Size, If-Match, If-None-Match, If-Range, Range'.split(
    ', ',
  );
const EXPOSED_HEADERS =
  'Retry-After, Content-Range, Content-Disposition, Accept-Ranges, ETag, WWW-Authenticate, box-request-id, box-version';

/** Limits for other headers that a page requests, because they are reflected in the response. */
const MAX_REQUESTED_HEADERS = 64;
const MAX_REQUESTED_LENGTH = 4096;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Enables CORS for the configured origins ("*" for all) and for the server's own pages. Requested headers are allowed
 * and credentials are not: what authorizes a request is its token, which browsers never send by themselves
 * (docs/decisions/0095-reflect-requested-cors-headers.md). Box's preflight checks are also OPTIONS requests: a
 * browser's preflight has `Access-Control-Request-Method` and no Authorization, Box's has it the other way around.
 */
export async function enableCors(
  app: FastifyInstance,
  { corsOrigins: origins, publicUrl }: Pick<HttpSettings, 'corsOrigins' | 'publicUrl'>,
): Promise<void> {
  const isAnyAllowed = origins.includes('*');
  const ownOrigin = publicUrl && new URL(publicUrl).origin;
  const options: FastifyCorsOptions = {
    origin: isAnyAllowed ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 86_400,
    preflight: false,
  };
  await app.register(cors, {
    hook: 'onRequest',
    delegator(request: FastifyRequest, callback: (error: Error | null, options: FastifyCorsOptions) => void) {
      const { origin } = request.headers;
      if (origin === undefined) return callback(null, options);
      if (!isAnyAllowed && origin !== getOrigin(request, ownOrigin) && !origins.includes(origin)) {
        return callback(originError(origin), options);
      }
      if (!isBrowserPreflight(request)) return callback(null, options);
      callback(null, { ...options, allowedHeaders: [...KNOWN_HEADERS, ...requestedHeaders(request)], preflight: true });
    },
  });
}

function originError(origin: string): ApiError {
  return new ApiError('cors_origin_not_whitelisted', `The origin ${origin} is not listed in PARTWAY_CORS_ORIGINS.`);
}

export function isBrowserPreflight(request: FastifyRequest): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.headers.origin !== undefined &&
    request.headers['access-control-request-method'] !== undefined &&
    request.headers.authorization === undefined
  );
}

/** The requested headers that are not in `KNOWN_HEADERS`, or none if there are too many or any name is invalid. */
function requestedHeaders({ headers }: FastifyRequest): string[] {
  const { 'access-control-request-headers': list = '' } = headers;
  if (list.length > MAX_REQUESTED_LENGTH) return [];
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length > MAX_REQUESTED_HEADERS || !names.every((name) => HEADER_NAME.test(name))) return [];
  const known = new Set(KNOWN_HEADERS.map((name) => name.toLowerCase()));
  return names.filter((name) => !known.has(name.toLowerCase()));
}

/** The headers that let pages read errors that are sent without the hooks above. */
export function corsErrorHeaders(
  { headers: { origin } }: Pick<IncomingMessage, 'headers'>,
  { corsOrigins: origins }: Pick<HttpSettings, 'corsOrigins'>,
): Record<string, string> {
  const exposed = { 'access-control-expose-headers': EXPOSED_HEADERS };
  if (origins.includes('*')) return { 'access-control-allow-origin': '*', ...exposed };
  if (origin === undefined) return {};
  if (!origins.includes(origin)) return { vary: 'Origin' };
  return { 'access-control-allow-origin': origin, vary: 'Origin', ...exposed };
}
