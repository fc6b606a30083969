import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { authenticate, impersonate } from '../../auth/authenticate.ts';
import type { Authority } from '../../auth/authority.ts';
import type { AuthContext } from '../../auth/context.ts';
import type { Principal } from '../../auth/principal.ts';
import { ApiError } from '../api-error.ts';

/**
 * Who can call a route. Each route must declare a policy, or the server does not start, so that no route is open by
 * mistake.
 * - `bearer`: requires an access token with the permission that the route declares (scopes.ts). The domain decides
 *   which items the caller can use.
 * - `signed-url`: requires a signed URL, which the handler verifies.
 * - `public`: anyone.
 */
type Policy = 'bearer' | 'signed-url' | 'public';

declare module 'fastify' {
  interface FastifyContextConfig {
    policy?: Policy;
    /** Also accepts the token as the query parameter `access_token`, for URLs that browsers open directly. */
    tokenInQuery?: boolean;
  }
  interface FastifyRequest {
    authority: Authority | undefined;
  }
}

/** Requires a policy of every route, or the server does not start. */
export function requirePolicies(app: FastifyInstance): void {
  app.decorateRequest('authority', undefined);
  app.addHook('onRoute', (route) => {
    if (route.config?.policy === undefined) {
      throw new Error(`The route ${String(route.method)} ${route.url} declares no policy.`);
    }
  });
}

/** Finds the authority of the token with which a `bearer` route is called. */
export async function authenticateRequest(
  auth: AuthContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Authority> {
  const token = findBearerToken(request) ?? findQueryToken(request, reply) ?? throwUnauthorized();
  const authority = await authenticate(auth, token);
  const asUser = request.headers['as-user'];
  return asUser === undefined ? authority : impersonate(auth, authority, String(asUser));
}

/** Gets the user who calls a `bearer` route. */
export function getCaller(request: FastifyRequest): Principal {
  return getAuthority(request).principal;
}

/** Gets the authority of the token with which a `bearer` route is called. */
export function getAuthority({ authority, routeOptions }: FastifyRequest): Authority {
  if (authority === undefined)
    throw new Error(`The route ${routeOptions.url} has no caller, because its policy is not "bearer".`);
  return authority;
}

function findBearerToken({ headers }: FastifyRequest): string | undefined {
  if (headers.authorization === undefined) return undefined;
  const [scheme, token, ...rest] = headers.authorization.trim().split(/ +/);
  return scheme?.toLowerCase() === 'bearer' && token !== undefined && rest.length === 0 ? token : throwUnauthorized();
}

/** Finds the token in the query, and keeps browsers from sending it to other sites as the referrer. */
function findQueryToken({ routeOptions, query }: FastifyRequest, reply: FastifyReply): string | undefined {
  const { access_token: token } = query as { access_token?: unknown };
  if (routeOptions.config.tokenInQuery !== true || typeof token !== 'string' || token === '') return undefined;
  reply.header('referrer-policy', 'no-referrer');
  return token;
}

function throwUnauthorized(): never {
  throw new ApiError('unauthorized', 'The request needs an Authorization header with "Bearer" and an access token.');
}
