import cors, { type FastifyCorsOptions } from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Refusal } from '../api/refusal.ts';
import { originOf } from './addresses.ts';
import type { HttpSettings } from './services.ts';

/** Headers that browser clients of Box send, and the ones that they read (wire: "What breaks clients"). */
const ALLOWED_HEADERS =
  'Authorization, Content-Type, Accept, Accept-Language, Digest, Content-Range, Content-MD5, BoxApi, X-Rep-Hints, X-Box-Client-Name, X-Box-Client-Version, X-Box-Client-Event-Info, X-Box-UA, X-File-Name, X-File-Size, If-Match, If-None-Match, Range'.split(
    ', ',
  );
const EXPOSED_HEADERS = ['Retry-After', 'Content-Range', 'Content-Disposition', 'ETag', 'box-request-id'];

/**
 * CORS beside Box's own OPTIONS calls: a browser's preflight has `Access-Control-Request-Method` and no Authorization,
 * Box's preflight of an upload is the other way round and goes on to its route.
 * Which web origins may call is set; "*" is all of them (tokens are never sent by a browser on its own). Our own pages
 * always may.
 */
export async function allowOrigins(
  app: FastifyInstance,
  { corsOrigins: origins, publicUrl }: Pick<HttpSettings, 'corsOrigins' | 'publicUrl'>,
): Promise<void> {
  const all = origins.includes('*');
  app.addHook('onRequest', async (request) => {
    const { origin } = request.headers;
    const own = originOf(request, publicUrl && new URL(publicUrl).origin);
    if (origin !== undefined && !all && origin !== own && !origins.includes(origin)) {
      throw new Refusal('cors_origin_not_whitelisted', `The origin ${origin} is not among PARTWAY_CORS_ORIGINS.`);
    }
  });
  await app.register(cors, {
    hook: 'onRequest',
    delegator: (request: FastifyRequest, callback: (error: Error | null, options: FastifyCorsOptions) => void) =>
      callback(null, {
        origin: all ? '*' : [...origins],
        methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
        allowedHeaders: ALLOWED_HEADERS,
        exposedHeaders: EXPOSED_HEADERS,
        maxAge: 86_400,
        preflight: isBrowserPreflight(request),
      }),
  });
}

function isBrowserPreflight(request: FastifyRequest): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.headers['access-control-request-method'] !== undefined &&
    request.headers.authorization === undefined
  );
}
