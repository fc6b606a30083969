import type { UserId } from '@partway/protocol/ids';
import type { AppRow } from '../../database/schema.ts';
import { isPublicClient } from '../apps/public-client.ts';
import { isRegistered } from '../apps/redirect-uri.ts';
import { findApp, listRedirects } from '../apps/store.ts';
import type { AuthContext } from '../context.ts';
import { type Scope, scopesToRow } from '../scopes.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { newGrantId } from '../tokens/issue.ts';
import { insertCode } from './store.ts';

/** Lifetime of an authorization code, in milliseconds. */
export const CODE_MILLIS = 60_000;

/** An app that requests access, and the URI to which the browser returns. */
interface AuthorizingApp {
  app: AppRow;
  redirectUri: string;
}

/**
 * Finds the app of an authorization request. Returns undefined if there is none, or if the redirect URI is not one of
 * those registered for it. In that case, the browser must not be redirected.
 * @param request `redirectUri` can be undefined if the app has exactly one registered and is not public.
 */
export async function findAuthorizingApp(
  { db }: AuthContext,
  { clientId, redirectUri }: { clientId: string; redirectUri: string | undefined },
): Promise<AuthorizingApp | undefined> {
  const app = await findApp(db, clientId);
  if (app === undefined) return undefined;
  const registered = await listRedirects(db, clientId);
  const uri = redirectUri ?? (registered.length === 1 ? registered[0] : undefined);
  const isPublic = isPublicClient(app);
  return uri !== undefined && isRegistered(uri, registered, { isPublic }) ? { app, redirectUri: uri } : undefined;
}

/** Issues an authorization code for the app to which the user has granted access. */
export async function issueCode(
  { db, clock }: AuthContext,
  consent: {
    clientId: string;
    redirectUri: string;
    userId: UserId;
    scopes: readonly Scope[] | undefined;
    /** PKCE challenge (S256). */
    codeChallenge?: string | undefined;
  },
): Promise<string> {
  const code = newSecret();
  await insertCode(db, {
    code_sha256: hashSecret(code),
    grant_id: newGrantId(),
    user_id: consent.userId,
    client_id: consent.clientId,
    redirect_uri: consent.redirectUri,
    scopes: scopesToRow(consent.scopes),
    code_challenge: consent.codeChallenge ?? null,
    expires_at: clock.now() + CODE_MILLIS,
  });
  return code;
}
