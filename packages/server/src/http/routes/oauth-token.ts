import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GrantedToken } from '../../auth/tokens/issue.ts';
import { revokeToken } from '../../auth/tokens/revoke.ts';
import type { RateLimiter } from '../hooks/rate-limiter.ts';
import { clientOf, FORM_BODY_LIMIT, formOf, needed, takeForms } from '../request/oauth-form.ts';
import type { Services } from '../services.ts';
import { audiencesOf } from './audiences.ts';
import { ACCESS_TOKEN_TYPE, grantFor } from './oauth-grants.ts';

/** The API's host has the first, the host on which people log in the second; here they are one. */
export const OAUTH_PREFIXES = ['/oauth2', '/api/oauth2'];

/** POST /oauth2/token and /oauth2/revoke (wire: "Tokens"). Forms in, OAuth's own errors out. */
export function serveTokens(app: FastifyInstance, { access, settings }: Services, rates: RateLimiter): void {
  const options = { config: { policy: 'public' as const }, bodyLimit: FORM_BODY_LIMIT };
  app.register(async (scope) => {
    takeForms(scope);
    for (const prefix of OAUTH_PREFIXES) {
      scope.post(`${prefix}/token`, options, (request, reply) =>
        unstored(reply, async () => {
          const audiences = audiencesOf(request, settings);
          return tokenBody(await grantFor({ access, request, form: formOf(request), audiences, rates }));
        }),
      );
      scope.post(`${prefix}/revoke`, options, (request, reply) => unstored(reply, () => revoke(request, reply)));
    }
  });

  async function revoke(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = formOf(request);
    await revokeToken(access, clientOf(request, form), needed(form, 'token'));
    return reply.send();
  }
}

/** No cache keeps what `work` answers, nor its error. */
async function unstored<T>(reply: FastifyReply, work: () => Promise<T>): Promise<T> {
  reply.header('cache-control', 'no-store');
  return await work();
}

function tokenBody({ accessToken, expiresInSeconds, refreshToken, downscoped }: GrantedToken): Record<string, unknown> {
  return {
    access_token: accessToken,
    expires_in: expiresInSeconds,
    token_type: 'bearer',
    restricted_to: downscoped === undefined ? [] : restrictedTo(downscoped),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    ...(downscoped !== undefined && { issued_token_type: ACCESS_TOKEN_TYPE }),
  };
}

function restrictedTo({ scopes, item }: NonNullable<GrantedToken['downscoped']>): Record<string, unknown>[] {
  if (item === undefined) return [];
  const isRoot = item.parent_id === null;
  const state = isRoot ? null : String(item.etag);
  const id = isRoot ? '0' : String(item.id);
  const object = { type: item.kind, id, sequence_id: state, etag: state, name: item.name };
  return scopes.map((scope) => ({ scope, object }));
}
