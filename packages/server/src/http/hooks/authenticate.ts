import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { authenticate, impersonate } from '../../auth/authenticate.ts';
import type { Authority } from '../../auth/authority.ts';
import type { AuthContext } from '../../auth/context.ts';
import type { Principal } from '../../auth/principal.ts';
import { ApiError } from '../api-error.ts';

/**
 * Who may call a route. Each route declares one of these; one that does not fails at boot, so that none is open by
 * oversight.
 * - `bearer`: whoever has an access token with the scope that the route declares (scopes.ts); what is theirs to touch is
 *   for the domain to say.
 * - `signed-url`: whoever has the address; the handler checks its signature.
 * - `public`: anyone.
 */
type Policy = 'bearer' | 'signed-url' | 'public';

declare module 'fastify' {
  interface FastifyContextConfig {
    policy?: Policy;
    /** The token may stand in the query, as `access_token`: for what browsers open by themselves. */
    tokenInQuery?: boolean;
  }
  interface FastifyRequest {
    authority: Authority | undefined;
  }
}

/** Makes every route of `app` declare its policy, and enforces it before a byte of the body is read. */
export function enforcePolicies(app: FastifyInstance, auth: AuthContext): void {
  app.decorateRequest('authority', undefined);
  app.addHook('onRoute', (route) => {
    if (route.config?.policy === undefined) {
      throw new Error(`route ${String(route.method)} ${route.url} declares no policy`);
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.policy !== 'bearer') return;
    const authority = await authenticate(
      auth,
      findBearerToken(request) ?? findQueryToken(request, reply) ?? throwUnauthorized(),
    );
    const asUser = request.headers['as-user'];
    request.authority = asUser === undefined ? authority : await impersonate(auth, authority, String(asUser));
  });
}

/** The caller of a `bearer` route. */
export function getCaller(request: FastifyRequest): Principal {
  return getAuthority(request).principal;
}

/** What the caller of a `bearer` route may do. */
export function getAuthority({ authority, routeOptions }: FastifyRequest): Authority {
  if (authority === undefined) throw new Error(`${routeOptions.url} has no caller: its policy is not bearer`);
  return authority;
}

function findBearerToken({ headers }: FastifyRequest): string | undefined {
  if (headers.authorization === undefined) return undefined;
  const [scheme, token, ...rest] = headers.authorization.trim().split(/ +/);
  return scheme?.toLowerCase() === 'bearer' && token !== undefined && rest.length === 0 ? token : throwUnauthorized();
}

/** The token of an address that a browser opens by itself, and that no page it leads to may learn. */
function findQueryToken({ routeOptions, query }: FastifyRequest, reply: FastifyReply): string | undefined {
  const { access_token: token } = query as { access_token?: unknown };
  if (routeOptions.config.tokenInQuery !== true || typeof token !== 'string' || token === '') return undefined;
  reply.header('referrer-policy', 'no-referrer');
  return token;
}

function throwUnauthorized(): never {
  throw new ApiError('unauthorized', 'The request needs an Authorization header: Bearer and an access token.');
}
