import type { AccessToken } from '@partway/protocol/schemas/oauth';
import type { CallOptions } from '../call.ts';
import type { Endpoint } from './endpoint.ts';

/** The form of POST /oauth2/token: `grant_type` and the fields of that grant. */
interface TokenForm {
  grant_type: string;
  client_id?: string;
  client_secret?: string;
  [field: string]: string | undefined;
}

interface AuthorizationRequest {
  client_id: string;
  redirect_uri?: string;
  state?: string;
  scope?: string;
  /** PKCE (RFC 7636), on Partway servers. */
  code_challenge?: string;
  code_challenge_method?: 'S256';
}

export type Authorization = ReturnType<typeof authorization>;

/** /oauth2. These calls need no token of the client. Their errors are OAuth's, with `error` as the code. */
export function authorization({ caller, oauth2, authorize }: Endpoint) {
  const post = { method: 'POST', authorized: false } as const;

  const calls = {
    requestAccessToken(requestBody: TokenForm, options: CallOptions = {}): Promise<AccessToken> {
      return caller.json(
        {
          ...options,
          ...post,
          url: `${oauth2}/token`,
          ...encodeForm(requestBody, options),
          // A code, an assertion or a refresh token works only once; an app's secret works again.
          repeatable: requestBody.grant_type === 'client_credentials',
        },
        { shape: { access_token: 'string' } },
      );
    },

    /** A refresh token works only once; the response contains the next one. */
    refreshAccessToken(
      requestBody: { refresh_token: string; client_id: string; client_secret?: string },
      options: CallOptions = {},
    ): Promise<AccessToken> {
      return calls.requestAccessToken({ grant_type: 'refresh_token', ...requestBody }, options);
    },

    async revokeAccessToken(
      requestBody: { token: string; client_id?: string; client_secret?: string },
      options: CallOptions = {},
    ): Promise<void> {
      const encoded = encodeForm({ ...requestBody }, options);
      await caller.json({ ...options, ...post, url: `${oauth2}/revoke`, ...encoded }, { shape: 'nothing' });
    },

    /** Returns the URL of the page on which users authorize an app. */
    authorizeUrl(query: AuthorizationRequest): string {
      return `${authorize}?${new URLSearchParams({ response_type: 'code', ...query })}`;
    },
  };
  return calls;
}

function encodeForm(fields: Record<string, string | undefined>, { headers }: CallOptions) {
  const entries = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    body: String(new URLSearchParams(entries)),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  };
}
