import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuthContext } from '../../auth/context.ts';
import { exchangeCode } from '../../auth/grants/authorization-code.ts';
import { exchangeClientCredentials } from '../../auth/grants/client-credentials.ts';
import { GrantError } from '../../auth/grants/errors.ts';
import { exchangeAssertion } from '../../auth/grants/jwt-assertion.ts';
import { exchangeRefreshToken } from '../../auth/grants/refresh-token.ts';
import { exchangeToken } from '../../auth/grants/token-exchange.ts';
import type { GrantedToken } from '../../auth/tokens/issue.ts';
import { revokeToken } from '../../auth/tokens/revoke.ts';
import { findLocalAddress } from '../addresses.ts';
import type { RateLimiter } from '../hooks/rate-limiter.ts';
import {
  FORM_BODY_LIMIT,
  getForm,
  optionalField,
  parseClient,
  parseForms,
  parseOptionalClient,
  requiredField,
} from '../request/oauth-form.ts';
import type { HttpSettings, Services } from '../services.ts';

/** In Box, the first prefix is on the API's host and the second on the login host. Here, one host serves both. */
export const OAUTH_PREFIXES = ['/oauth2', '/api/oauth2'];

/** POST /oauth2/token and /oauth2/revoke. Requests are forms, and errors have OAuth's own format. */
export function serveTokens(app: FastifyInstance, { auth, settings }: Services, rates: RateLimiter): void {
  const options = { config: { policy: 'public' as const }, bodyLimit: FORM_BODY_LIMIT };
  app.register(async (scope) => {
    parseForms(scope);
    for (const prefix of OAUTH_PREFIXES) {
      scope.post(`${prefix}/token`, options, (request, reply) =>
        withoutCaching(reply, async () => {
          const audiences = listAudiences(request, settings);
          return tokenBody(await grantToken({ auth, request, form: getForm(request), audiences, rates }));
        }),
      );
      scope.post(`${prefix}/revoke`, options, (request, reply) => withoutCaching(reply, () => revoke(request, reply)));
    }
  });

  async function revoke(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = getForm(request);
    await revokeToken(auth, parseClient(request, form, { orPublic: true }), requiredField(form, 'token'));
    return reply.send();
  }
}

/** Disables caching of the response, even if `handle` throws. */
async function withoutCaching<T>(reply: FastifyReply, handle: () => Promise<T>): Promise<T> {
  reply.header('cache-control', 'no-store');
  return await handle();
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
  const etag = isRoot ? null : String(item.etag);
  const id = isRoot ? '0' : String(item.id);
  const object = { type: item.kind, id, sequence_id: etag, etag, name: item.name };
  return scopes.map((scope) => ({ scope, object }));
}

const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

interface TokenRequest {
  auth: AuthContext;
  request: FastifyRequest;
  form: URLSearchParams;
  /** The URLs of the token endpoint that an assertion can have as its audience. */
  audiences: readonly string[];
  rates: RateLimiter;
}

/** For each `grant_type`, a function that parses the form and performs the grant. */
const GRANTS = new Map<string, (tokenRequest: TokenRequest) => Promise<GrantedToken>>([
  [
    'client_credentials',
    ({ auth, request, form }) =>
      exchangeClientCredentials(auth, parseClient(request, form), {
        type: requiredField(form, 'box_subject_type'),
        id: requiredField(form, 'box_subject_id'),
      }),
  ],
  [
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    ({ auth, request, form, audiences }) =>
      exchangeAssertion(auth, parseClient(request, form), { assertion: requiredField(form, 'assertion'), audiences }),
  ],
  [
    'authorization_code',
    ({ auth, request, form }) =>
      exchangeCode(auth, parseClient(request, form, { orPublic: true }), {
        code: requiredField(form, 'code'),
        redirectUri: optionalField(form, 'redirect_uri'),
        codeVerifier: optionalField(form, 'code_verifier'),
      }),
  ],
  [
    'refresh_token',
    ({ auth, request, form }) =>
      exchangeRefreshToken(auth, parseClient(request, form, { orPublic: true }), requiredField(form, 'refresh_token')),
  ],
  ['urn:ietf:params:oauth:grant-type:token-exchange', exchange],
]);

async function grantToken(tokenRequest: TokenRequest): Promise<GrantedToken> {
  const grant = GRANTS.get(requiredField(tokenRequest.form, 'grant_type'));
  if (grant !== undefined) return grant(tokenRequest);
  throw new GrantError('unsupported_grant_type', `The supported grant types are ${[...GRANTS.keys()].join(', ')}.`);
}

async function exchange({ auth, request, form, rates }: TokenRequest): Promise<GrantedToken> {
  const type = requiredField(form, 'subject_token_type');
  if (type !== ACCESS_TOKEN_TYPE) {
    throw new GrantError('invalid_request', `The subject_token_type must be ${ACCESS_TOKEN_TYPE}.`);
  }
  for (const field of ['box_shared_link', 'actor_token']) {
    if (optionalField(form, field) === undefined) continue;
    throw new GrantError('invalid_request', `${field} is not supported.`);
  }
  return exchangeToken(auth, {
    client: parseOptionalClient(request, form),
    subjectToken: requiredField(form, 'subject_token'),
    checkUser: (user) => rates.countCall(user),
    scope: requiredField(form, 'scope'),
    resource: optionalField(form, 'resource'),
  });
}

const PATHS = ['/oauth2/token', '/api/oauth2/token'];

/**
 * Lists the URLs of the token endpoint that an assertion can have as its audience: those of the public URL or, without
 * one, of the socket that received the request (none if it is closed). Never those of the Host header: the client
 * chooses it, and could make an assertion for another server valid here.
 */
export function listAudiences(
  request: FastifyRequest,
  { publicUrl, tls }: Pick<HttpSettings, 'publicUrl' | 'tls'>,
): string[] {
  const origins = publicUrl === undefined ? socketOrigins(request, tls === undefined ? 'http' : 'https') : [publicUrl];
  return origins.flatMap((origin) => PATHS.map((path) => origin + path));
}

function socketOrigins({ raw }: FastifyRequest, scheme: 'http' | 'https'): string[] {
  const local = findLocalAddress(raw.socket);
  if (local === undefined) return [];
  const isLoopback = local.host === '[::1]' || local.host.startsWith('127.');
  const hosts = [local.host, ...(isLoopback ? ['localhost'] : [])];
  // `URL` removes the default port of the scheme.
  return hosts.map((host) => new URL(`${scheme}://${host}:${local.port}`).origin);
}
