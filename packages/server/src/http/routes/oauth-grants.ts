import type { FastifyRequest } from 'fastify';
import type { Access } from '../../auth/context.ts';
import { grantForCode } from '../../auth/grants/authorization-code.ts';
import { grantForCredentials } from '../../auth/grants/client-credentials.ts';
import { GrantError } from '../../auth/grants/errors.ts';
import { grantForAssertion } from '../../auth/grants/jwt-assertion.ts';
import { grantForRefresh } from '../../auth/grants/refresh-token.ts';
import { grantForExchange } from '../../auth/grants/token-exchange.ts';
import type { GrantedToken } from '../../auth/tokens/issue.ts';
import type { RateLimiter } from '../hooks/rate-limiter.ts';
import { clientOf, needed, optional, optionalClientOf } from '../request/oauth-form.ts';

export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

/** One call of the token route. */
export interface TokenCall {
  access: Access;
  request: FastifyRequest;
  form: URLSearchParams;
  /** The addresses of the token route, as this client may know them. */
  audiences: readonly string[];
  rates: RateLimiter;
}

/** What each `grant_type` brings, out of the form into the type that its grant wants. */
const GRANTS = new Map<string, (call: TokenCall) => Promise<GrantedToken>>([
  [
    'client_credentials',
    ({ access, request, form }) =>
      grantForCredentials(access, clientOf(request, form), {
        type: needed(form, 'box_subject_type'),
        id: needed(form, 'box_subject_id'),
      }),
  ],
  [
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    ({ access, request, form, audiences }) =>
      grantForAssertion(access, clientOf(request, form), { assertion: needed(form, 'assertion'), audiences }),
  ],
  [
    'authorization_code',
    ({ access, request, form }) =>
      grantForCode(access, clientOf(request, form), {
        code: needed(form, 'code'),
        redirectUri: optional(form, 'redirect_uri'),
        codeVerifier: optional(form, 'code_verifier'),
      }),
  ],
  [
    'refresh_token',
    ({ access, request, form }) => grantForRefresh(access, clientOf(request, form), needed(form, 'refresh_token')),
  ],
  ['urn:ietf:params:oauth:grant-type:token-exchange', exchange],
]);

export async function grantFor(call: TokenCall): Promise<GrantedToken> {
  const grant = GRANTS.get(needed(call.form, 'grant_type'));
  if (grant !== undefined) return grant(call);
  throw new GrantError('unsupported_grant_type', `This server grants tokens for ${[...GRANTS.keys()].join(', ')}.`);
}

async function exchange({ access, request, form, rates }: TokenCall): Promise<GrantedToken> {
  const type = needed(form, 'subject_token_type');
  if (type !== ACCESS_TOKEN_TYPE) {
    throw new GrantError('invalid_request', `The subject_token_type must be ${ACCESS_TOKEN_TYPE}.`);
  }
  for (const field of ['box_shared_link', 'actor_token']) {
    if (optional(form, field) === undefined) continue;
    throw new GrantError('invalid_request', `This server has nothing for ${field}: leave it out.`);
  }
  return grantForExchange(access, {
    client: optionalClientOf(request, form),
    subjectToken: needed(form, 'subject_token'),
    admit: (user) => rates.call(user),
    scope: needed(form, 'scope'),
    resource: optional(form, 'resource'),
  });
}
