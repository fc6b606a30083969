import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Access } from '../access/access.ts';
import { GrantError, type GrantedToken, grantToken } from '../access/grant-token.ts';

const PATHS = ['/oauth2/token', '/api/oauth2/token'];

/** Tokens for apps (wire: "Tokens"). Forms in, OAuth's own errors out. */
export function serveTokens(app: FastifyInstance, access: Access): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) =>
      done(null, new URLSearchParams(text as string)),
    );
    for (const path of PATHS) {
      scope.post(path, { config: { policy: 'public' } }, async (request, reply) => {
        const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
        reply.header('cache-control', 'no-store');
        try {
          return tokenBody(await grantFor(access, form));
        } catch (error) {
          if (error instanceof GrantError) return refuseGrant(reply, error);
          throw error;
        }
      });
    }
  });
}

async function grantFor(access: Access, form: URLSearchParams): Promise<GrantedToken> {
  const grantType = form.get('grant_type');
  if (grantType !== 'client_credentials') {
    throw new GrantError('unsupported_grant_type', 'This server grants tokens for client_credentials.');
  }
  return grantToken(access, {
    clientId: needed(form, 'client_id'),
    clientSecret: needed(form, 'client_secret'),
    subjectType: needed(form, 'box_subject_type'),
    subjectId: needed(form, 'box_subject_id'),
  });
}

function needed(form: URLSearchParams, field: string): string {
  const value = form.get(field);
  if (value === null || value === '') throw new GrantError('invalid_request', `The form lacks ${field}.`);
  return value;
}

function tokenBody({ accessToken, expiresInSeconds }: GrantedToken): Record<string, unknown> {
  return { access_token: accessToken, expires_in: expiresInSeconds, token_type: 'bearer', restricted_to: [] };
}

function refuseGrant(reply: FastifyReply, { error, message }: GrantError): FastifyReply {
  return reply.code(400).send({ error, error_description: message });
}
