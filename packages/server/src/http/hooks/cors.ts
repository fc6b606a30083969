import type { IncomingMessage } from 'node:http';
import cors, { type FastifyCorsOptions } from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { getOrigin } from '../addresses.ts';
import { ApiError } from '../api-error.ts';
import type { HttpSettings } from '../services.ts';

/** Headers that browser clients of Box send, and the ones that they read (wire: "What breaks clients"). */
const KNOWN_HEADERS =
  'Authorization, Content-Type, Accept, Accept-Language, As-User, Digest, Content-Range, Content-MD5, Box-Version, BoxApi, X-Rep-Hints, X-Box-Client-Name, X-Box-Client-Version, X-Box-Client-Event-Info, X-Box-UA, X-File-Name, X-File-Size, If-Match, If-None-Match, If-Range, Range'.split(
    ', ',
  );
const EXPOSED_HEADERS =
  'Retry-After, Content-Range, Content-Disposition, Accept-Ranges, ETag, WWW-Authenticate, box-request-id, box-version';

/** The most that a page may ask for beside those, in names and in characters: what is reflected has to have an end. */
const MAX_REQUESTED_HEADERS = 64;
const MAX_REQUESTED_LENGTH = 4096;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * CORS beside Box's own OPTIONS calls: a browser's preflight has `Access-Control-Request-Method` and no Authorization,
 * Box's preflight of an upload is the other way round and goes on to its route.
 * Which web origins may call is set; "*" is all of them. Our own pages always may. What lets a call in is its token, which
 * no browser sends on its own, so a page may send whatever headers it asks for, and never credentials
 * (docs/decisions/0095-reflect-requested-cors-headers.md).
 */
export async function enableCors(
  app: FastifyInstance,
  { corsOrigins: origins, publicUrl }: Pick<HttpSettings, 'corsOrigins' | 'publicUrl'>,
): Promise<void> {
  const all = origins.includes('*');
  app.addHook('onRequest', async (request) => {
    const { origin } = request.headers;
    const own = getOrigin(request, publicUrl && new URL(publicUrl).origin);
    if (origin !== undefined && !all && origin !== own && !origins.includes(origin)) {
      throw new ApiError('cors_origin_not_whitelisted', `The origin ${origin} is not among PARTWAY_CORS_ORIGINS.`);
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    if (isBrowserPreflight(request)) reply.header('vary', 'Access-Control-Request-Headers');
  });
  await app.register(cors, {
    hook: 'onRequest',
    delegator: (request: FastifyRequest, callback: (error: Error | null, options: FastifyCorsOptions) => void) =>
      callback(null, {
        origin: all ? '*' : [...origins],
        methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
        allowedHeaders: [...KNOWN_HEADERS, ...requestedHeaders(request)],
        exposedHeaders: EXPOSED_HEADERS,
        maxAge: 86_400,
        preflight: isBrowserPreflight(request),
      }),
  });
}

function isBrowserPreflight(request: FastifyRequest): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.headers.origin !== undefined &&
    request.headers['access-control-request-method'] !== undefined &&
    request.headers.authorization === undefined
  );
}

/** The headers that a page asks to send and that are not known; none, if it asks for too many or for what is no name. */
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

/** What a page needs to read an error that is sent without the hooks above. */
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
