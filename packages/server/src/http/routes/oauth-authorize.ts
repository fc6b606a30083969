import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Millis } from '@partway/protocol/ids';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isPublicClient } from '../../auth/apps/public-client.ts';
import { findChallengeFault } from '../../auth/grants/authorization-code.ts';
import { findAuthorizingApp, issueCode } from '../../auth/grants/authorize.ts';
import { GrantError } from '../../auth/grants/errors.ts';
import { logIn } from '../../auth/login/log-in.ts';
import { parseScopes, type Scope } from '../../auth/scopes.ts';
import { newSecret } from '../../auth/secrets.ts';
import { isStillGood } from '../../time/clock.ts';
import { isHttps } from '../hooks/https.ts';
import { FORM_BODY_LIMIT, getForm, parseForms } from '../request/oauth-form.ts';
import type { HttpSettings, Services } from '../services.ts';
import { sendErrorPage, sendLoginPage } from './oauth-login-page.ts';
import { OAUTH_PREFIXES } from './oauth-token.ts';

/** Parameters that must not be repeated (RFC 6749, section 3.1). */
const OAUTH_PARAMETERS = ['response_type', 'scope', 'state', 'code_challenge', 'code_challenge_method'];

const UNKNOWN_APP =
  'The app that sent you here is unknown, or its redirect URI is not registered. Contact the developer of the app.';
const STALE_PAGE = 'This page has expired or belongs to another browser window. Go back to the app and try again.';
const UNREADABLE_FORM = 'Your browser sent text that is not UTF-8. Go back and try again.';

/** GET and POST /oauth2/authorize: a user logs in and grants an app access (RFC 6749, section 4.1). */
export function serveAuthorize(app: FastifyInstance, { auth, settings }: Services): void {
  const options = { config: { policy: 'public' as const }, bodyLimit: FORM_BODY_LIMIT };
  app.register(async (scope) => {
    parseForms(scope);
    for (const prefix of OAUTH_PREFIXES) {
      scope.get(`${prefix}/authorize`, options, handleRequest);
      scope.post(`${prefix}/authorize`, options, handleDecision);
    }
  });

  async function handleRequest(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const repeated = new Set([...query.keys()].filter((name) => query.getAll(name).length > 1));
    // It is unknown which app or URI is meant, so the browser is not redirected to any.
    if (repeated.has('client_id') || repeated.has('redirect_uri')) return sendErrorPage(reply, UNKNOWN_APP);
    const clientId = query.get('client_id') ?? '';
    const authorizing = await findAuthorizingApp(auth, {
      clientId,
      redirectUri: query.get('redirect_uri') || undefined,
    });
    if (authorizing === undefined) return sendErrorPage(reply, UNKNOWN_APP);
    const { app: client, redirectUri } = authorizing;
    const state = query.get('state') ?? undefined;
    const target = { redirectUri, state };
    const repeatedName = OAUTH_PARAMETERS.find((name) => repeated.has(name));
    if (repeatedName !== undefined) {
      return redirectToApp(reply, target, invalidRequest(`${repeatedName} is set more than once`));
    }
    if (query.get('response_type') !== 'code') {
      return redirectToApp(reply, target, { error: 'unsupported_response_type' });
    }
    const codeChallenge = query.get('code_challenge') || undefined;
    const method = query.get('code_challenge_method') || undefined;
    const isRequired = isPublicClient(client);
    const fault = findChallengeFault({ challenge: codeChallenge, method }, { isRequired });
    if (fault !== undefined) return redirectToApp(reply, target, invalidRequest(fault));
    const scopes = parseRequestedScopes(query.get('scope'));
    if (scopes === 'unknown') return redirectToApp(reply, target, { error: 'invalid_scope' });
    const expiresAt = auth.clock.now() + PAGE_MILLIS;
    const nonce = setNonce(reply, request, settings);
    const ticket: Ticket = { clientId, redirectUri, state, scopes, codeChallenge, expiresAt };
    return showLoginPage(reply, ticket, { nonce });
  }

  async function handleDecision(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = readForm(request);
    if (form === undefined) return sendErrorPage(reply, UNREADABLE_FORM);
    const nonce = findNonce(request, settings);
    const ticket = nonce && openTicket(settings.signingKey, nonce, form.get('ticket') ?? '', auth.clock.now());
    if (nonce === undefined || !ticket) return sendErrorPage(reply, STALE_PAGE);
    if (form.get('decision') !== 'allow') return redirectToApp(reply, ticket, { error: 'access_denied' });

    const login = form.get('login') ?? '';
    const outcome = await logIn(auth, { login, password: form.get('password') ?? '', address: request.ip });
    if (outcome.kind === 'later') {
      const seconds = Math.ceil(outcome.delay / 1000);
      reply.code(429).header('retry-after', seconds);
      return showLoginPage(reply, ticket, { nonce, login, error: `Too many attempts. Try again in ${seconds} s.` });
    }
    if (outcome.kind === 'wrong') {
      return showLoginPage(reply.code(403), ticket, { nonce, login, error: 'The login or password is wrong.' });
    }
    if (outcome.kind === 'inactive') {
      const error = 'This user is inactive. An administrator can activate the user again.';
      return showLoginPage(reply.code(403), ticket, { nonce, login, error });
    }
    // The app or its redirect URI can have been deleted since the page was shown.
    const authorizing = await findAuthorizingApp(auth, ticket);
    if (authorizing === undefined) return sendErrorPage(reply, UNKNOWN_APP);
    return redirectToApp(reply, ticket, { code: await issueCode(auth, { ...ticket, userId: outcome.user.id }) });
  }

  async function showLoginPage(
    reply: FastifyReply,
    ticket: Ticket,
    { nonce, ...rest }: { nonce: string; login?: string; error?: string },
  ): Promise<FastifyReply> {
    const authorizing = await findAuthorizingApp(auth, ticket);
    if (authorizing === undefined) return sendErrorPage(reply, UNKNOWN_APP);
    return sendLoginPage(reply, {
      appName: authorizing.app.name,
      redirectUri: ticket.redirectUri,
      scopes: ticket.scopes,
      ticket: sealTicket(settings.signingKey, nonce, ticket),
      ...rest,
    });
  }
}

function readForm(request: FastifyRequest): URLSearchParams | undefined {
  try {
    return getForm(request);
  } catch (error) {
    if (error instanceof GrantError) return undefined;
    throw error;
  }
}

/** Redirects to the app. The status is 303, so that no browser repeats the form, with the password, to the app. */
function redirectToApp(
  reply: FastifyReply,
  { redirectUri, state }: Pick<Ticket, 'redirectUri' | 'state'>,
  result: { code: string } | { error: string; error_description?: string },
): FastifyReply {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries(result)) url.searchParams.set(name, value);
  if (state !== undefined) url.searchParams.set('state', state);
  return reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).redirect(url.href, 303);
}

function invalidRequest(fault: string): { error: string; error_description: string } {
  return { error: 'invalid_request', error_description: fault };
}

/**
 * Parses the requested scopes. Returns undefined for all permissions of the user, and `unknown` if there is no
 * supported scope. Unsupported scopes are skipped, because apps request all scopes of Box.
 */
function parseRequestedScopes(text: string | null): readonly Scope[] | undefined | 'unknown' {
  if (text === null || text.trim() === '') return undefined;
  const { known } = parseScopes(text);
  if (known.length === 0) return 'unknown';
  return known.includes('root_readwrite') ? undefined : known;
}

/** The time in which a login page must be submitted, in milliseconds. */
const PAGE_MILLIS = 15 * 60_000;

/** The authorization request of a login page. The page contains it, signed, and the form returns it. */
interface Ticket {
  clientId: string;
  redirectUri: string;
  state: string | undefined;
  scopes: readonly Scope[] | undefined;
  codeChallenge: string | undefined;
  expiresAt: Millis;
}

/**
 * Signs a ticket for the browser that has `nonce` in a cookie. It is also the CSRF token: no one else can create one,
 * and one that was created for another browser is invalid.
 */
function sealTicket(key: Buffer, nonce: string, ticket: Ticket): string {
  const text = Buffer.from(JSON.stringify(ticket)).toString('base64url');
  return `${text}.${sign(key, nonce, text).toString('base64url')}`;
}

/**
 * Verifies a signed ticket. Returns undefined if the signature is wrong, it is for another browser, or it has expired.
 */
function openTicket(key: Buffer, nonce: string, sealed: string, now: Millis): Ticket | undefined {
  const [text = '', signature = ''] = sealed.split('.');
  const actual = Buffer.from(signature, 'base64url');
  const expected = sign(key, nonce, text);
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return undefined;
  const ticket = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Ticket;
  return isStillGood(ticket.expiresAt, PAGE_MILLIS, now) ? ticket : undefined;
}

function sign(key: Buffer, nonce: string, text: string): Buffer {
  return createHmac('sha256', key).update(`authorize ${nonce} ${text}`).digest();
}

/** Because of the prefix, browsers accept this cookie only over HTTPS and only from this host itself. */
const HTTPS_COOKIE = '__Host-partway-login';
/** For plain HTTP, such as on the loopback address. */
const HTTP_COOKIE = 'partway-login';
const NONCE = /^[A-Za-z0-9_-]{43}$/;

type Settings = Pick<HttpSettings, 'publicUrl'>;

/** Sets the nonce cookie, which ties the form to the browser. A browser that already has a nonce keeps it. */
function setNonce(reply: FastifyReply, request: FastifyRequest, settings: Settings): string {
  const nonce = findNonce(request, settings) ?? newSecret();
  const secure = isHttps(request, settings) ? '; Secure' : '';
  const name = cookieName(request, settings);
  reply.header('set-cookie', `${name}=${nonce}; Path=/; HttpOnly; SameSite=Lax; Max-Age=900${secure}`);
  return nonce;
}

function findNonce(request: FastifyRequest, settings: Settings): string | undefined {
  const expectedName = cookieName(request, settings);
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=', 2);
    if (name === expectedName && NONCE.test(value)) return value;
  }
  return undefined;
}

function cookieName(request: FastifyRequest, settings: Settings): string {
  return isHttps(request, settings) ? HTTPS_COOKIE : HTTP_COOKIE;
}
