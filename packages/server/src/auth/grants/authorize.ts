import type { UserId } from '@partway/protocol/ids';
import type { AppRow } from '../../database/schema.ts';
import { findApp, listRedirects } from '../apps/store.ts';
import type { AuthContext } from '../context.ts';
import { type Scope, scopesToRow } from '../scopes.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { newGrantId } from '../tokens/issue.ts';
import { insertCode } from './store.ts';

/** How long a code waits to be exchanged, in milliseconds. */
export const CODE_MILLIS = 60_000;

/** An app that asks a user to let it in, and where the answer goes. */
interface AuthorizingApp {
  app: AppRow;
  redirectUri: string;
}

/**
 * The app of an authorization request; undefined where there is none, or the address to return to is not one of its
 * own, to the letter. Nothing may be sent to any other.
 * @param redirectUri May be left out by an app that has one only.
 */
export async function getAuthorizingApp(
  { db }: AuthContext,
  { clientId, redirectUri }: { clientId: string; redirectUri: string | undefined },
): Promise<AuthorizingApp | undefined> {
  const app = await findApp(db, clientId);
  if (app === undefined) return undefined;
  const registered = await listRedirects(db, clientId);
  const chosen = redirectUri ?? (registered.length === 1 ? registered[0] : undefined);
  return chosen !== undefined && registered.includes(chosen) ? { app, redirectUri: chosen } : undefined;
}

/** A code for the app that the user has let in. */
export async function issueCode(
  { db, clock }: AuthContext,
  consent: {
    clientId: string;
    redirectUri: string;
    userId: UserId;
    scopes: readonly Scope[] | undefined;
    /** Of PKCE, S256. */
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
