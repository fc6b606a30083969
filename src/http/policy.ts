import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Access } from '../access/access.ts';
import { actAs } from '../access/act-as.ts';
import { authenticate } from '../access/authenticate.ts';
import type { Authority } from '../access/authority.ts';
import type { Principal } from '../access/principal.ts';
import { Refusal } from '../api/refusal.ts';

/**
 * Who may call a route. Each route declares one of these; one that does not fails at boot, so that none is open by
 * oversight.
 * - `bearer`: whoever has an access token with the scope that the route declares (scopes.ts); what is theirs to touch is
 *   for the domain to say.
 * - `signed-url`: whoever has the address; the handler checks its signature.
 * - `public`: anyone.
 */
export type Policy = 'bearer' | 'signed-url' | 'public';

declare module 'fastify' {
  interface FastifyContextConfig {
    policy?: Policy;
  }
  interface FastifyRequest {
    authority: Authority | undefined;
  }
}

/** Makes every route of `app` declare its policy, and enforces it before a byte of the body is read. */
export function enforcePolicies(app: FastifyInstance, access: Access): void {
  app.decorateRequest('authority', undefined);
  app.addHook('onRoute', (route) => {
    if (route.config?.policy === undefined) {
      throw new Error(`route ${String(route.method)} ${route.url} declares no policy`);
    }
  });
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.policy !== 'bearer') return;
    const authority = await authenticate(access, bearerToken(request));
    const asUser = request.headers['as-user'];
    request.authority = asUser === undefined ? authority : await actAs(access, authority, String(asUser));
  });
}

/** The caller of a `bearer` route. */
export function callerOf(request: FastifyRequest): Principal {
  return authorityOf(request).principal;
}

/** What the caller of a `bearer` route may do. */
export function authorityOf({ authority, routeOptions }: FastifyRequest): Authority {
  if (authority === undefined) throw new Error(`${routeOptions.url} has no caller: its policy is not bearer`);
  return authority;
}

function bearerToken(request: FastifyRequest): string {
  const [scheme, token, ...rest] = (request.headers.authorization ?? '').trim().split(/ +/);
  if (scheme?.toLowerCase() !== 'bearer' || token === undefined || rest.length > 0) {
    throw new Refusal('unauthorized', 'The request needs an Authorization header: Bearer and an access token.');
  }
  return token;
}
