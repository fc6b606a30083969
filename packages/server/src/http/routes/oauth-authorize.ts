import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Millis } from '@partway/protocol/ids';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
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

/** What a request may say once (RFC 6749, section 3.1). */
const OAUTH_PARAMETERS = ['response_type', 'scope', 'state', 'code_challenge', 'code_challenge_method'];

const UNKNOWN_APP =
  'The app that sent you here is not known, or asks to send you back to an address that it has not registered.';
const STALE_PAGE = 'This page is too old, or belongs to another browser window. Go back to the app and begin again.';
const UNREADABLE_FORM = 'What your browser sent is not UTF-8. Go back and try again.';

/** GET and POST /oauth2/authorize: a user logs in and lets an app in (wire: "Tokens", `authorization_code`). */
export function serveAuthorize(app: FastifyInstance, { auth, settings }: Services): void {
  const options = { config: { policy: 'public' as const }, bodyLimit: FORM_BODY_LIMIT };
  app.register(async (scope) => {
    parseForms(scope);
    for (const prefix of OAUTH_PREFIXES) {
      scope.get(`${prefix}/authorize`, options, ask);
      scope.post(`${prefix}/authorize`, options, decide);
    }
  });

  async function ask(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const repeated = new Set([...query.keys()].filter((name) => query.getAll(name).length > 1));
    // Which of two apps or addresses is meant cannot be known, so nothing is sent to either.
    if (repeated.has('client_id') || repeated.has('redirect_uri')) return sendErrorPage(reply, UNKNOWN_APP);
    const wanted = { clientId: query.get('client_id') ?? '', redirectUri: query.get('redirect_uri') || undefined };
    const asking = await findAuthorizingApp(auth, wanted);
    if (asking === undefined) return sendErrorPage(reply, UNKNOWN_APP);
    const { redirectUri } = asking;
    const state = query.get('state') ?? undefined;
    const answer = { redirectUri, state };
    const [twice] = OAUTH_PARAMETERS.filter((name) => repeated.has(name));
    if (twice !== undefined) return redirectToApp(reply, answer, invalidRequest(`${twice} is there more than once`));
    if (query.get('response_type') !== 'code') {
      return redirectToApp(reply, answer, { error: 'unsupported_response_type' });
    }
    const codeChallenge = query.get('code_challenge') || undefined;
    const method = query.get('code_challenge_method') || undefined;
    const fault = findChallengeFault({ challenge: codeChallenge, method });
    if (fault !== undefined) return redirectToApp(reply, answer, invalidRequest(fault));
    const scopes = parseRequestedScopes(query.get('scope'));
    if (scopes === 'unknown') return redirectToApp(reply, answer, { error: 'invalid_scope' });
    const expiresAt = auth.clock.now() + PAGE_MILLIS;
    const nonce = setNonce(reply, request, settings);
    const ticket: Ticket = { clientId: wanted.clientId, redirectUri, state, scopes, codeChallenge, expiresAt };
    return show(reply, ticket, { nonce });
  }

  async function decide(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
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
      return show(reply, ticket, { nonce, login, error: `Too many attempts. Try again in ${seconds} s.` });
    }
    if (outcome.kind === 'wrong') {
      return show(reply.code(403), ticket, { nonce, login, error: 'Login or password is wrong.' });
    }
    if (outcome.kind === 'inactive') {
      const error = 'This user is inactive: an administrator has to make them active again.';
      return show(reply.code(403), ticket, { nonce, login, error });
    }
    // The app may have lost its address, or itself, since the page was shown.
    const asking = await findAuthorizingApp(auth, ticket);
    if (asking === undefined) return sendErrorPage(reply, UNKNOWN_APP);
    return redirectToApp(reply, ticket, { code: await issueCode(auth, { ...ticket, userId: outcome.user.id }) });
  }

  async function show(
    reply: FastifyReply,
    ticket: Ticket,
    { nonce, ...rest }: { nonce: string; login?: string; error?: string },
  ): Promise<FastifyReply> {
    const asking = await findAuthorizingApp(auth, ticket);
    if (asking === undefined) return sendErrorPage(reply, UNKNOWN_APP);
    return sendLoginPage(reply, {
      appName: asking.app.name,
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

/** See Other, so that no browser sends the form, with the password in it, on to the app. */
function redirectToApp(
  reply: FastifyReply,
  { redirectUri, state }: Pick<Ticket, 'redirectUri' | 'state'>,
  answer: { code: string } | { error: string; error_description?: string },
): FastifyReply {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries(answer)) url.searchParams.set(name, value);
  if (state !== undefined) url.searchParams.set('state', state);
  return reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).redirect(url.href, 303);
}

function invalidRequest(fault: string): { error: string; error_description: string } {
  return { error: 'invalid_request', error_description: fault };
}

/** Scopes that mean nothing here are passed over beside others, as apps ask for all that Box has. */
function parseRequestedScopes(text: string | null): readonly Scope[] | undefined | 'unknown' {
  if (text === null || text.trim() === '') return undefined;
  const { known } = parseScopes(text);
  if (known.length === 0) return 'unknown';
  return known.includes('root_readwrite') ? undefined : known;
}

/** How long a login page may stand open, in milliseconds. */
const PAGE_MILLIS = 15 * 60_000;

/** What a login page was shown for. It goes into the page, signed, and comes back with the form. */
interface Ticket {
  clientId: string;
  redirectUri: string;
  state: string | undefined;
  scopes: readonly Scope[] | undefined;
  codeChallenge: string | undefined;
  expiresAt: Millis;
}

/**
 * Seals a ticket for the browser that holds `nonce` in a cookie. It is the CSRF token too: nobody else can make one, and
 * one that was made for another browser does not fit.
 */
function sealTicket(key: Buffer, nonce: string, ticket: Ticket): string {
  const text = Buffer.from(JSON.stringify(ticket)).toString('base64url');
  return `${text}.${sign(key, nonce, text).toString('base64url')}`;
}

/** The ticket, or undefined where it was not sealed here for this browser, or is too old. */
function openTicket(key: Buffer, nonce: string, sealed: string, now: Millis): Ticket | undefined {
  const [text = '', signature = ''] = sealed.split('.');
  const given = Buffer.from(signature, 'base64url');
  const right = sign(key, nonce, text);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  const ticket = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Ticket;
  return isStillGood(ticket.expiresAt, PAGE_MILLIS, now) ? ticket : undefined;
}

function sign(key: Buffer, nonce: string, text: string): Buffer {
  return createHmac('sha256', key).update(`authorize ${nonce} ${text}`).digest();
}

/** No other host, and no page that came by http, can set a cookie of this name; browsers take it by https only. */
const HTTPS_COOKIE = '__Host-partway-login';
/** For http, as on the loopback address. */
const HTTP_COOKIE = 'partway-login';
const NONCE = /^[A-Za-z0-9_-]{43}$/;

type Settings = Pick<HttpSettings, 'publicUrl'>;

/** Marks the browser, so that a form can be told to come from the page that it was shown. One that is marked stays so. */
function setNonce(reply: FastifyReply, request: FastifyRequest, settings: Settings): string {
  const nonce = findNonce(request, settings) ?? newSecret();
  const secure = isHttps(request, settings) ? '; Secure' : '';
  const name = cookieName(request, settings);
  reply.header('set-cookie', `${name}=${nonce}; Path=/; HttpOnly; SameSite=Lax; Max-Age=900${secure}`);
  return nonce;
}

function findNonce(request: FastifyRequest, settings: Settings): string | undefined {
  const wanted = cookieName(request, settings);
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=', 2);
    if (name === wanted && NONCE.test(value)) return value;
  }
  return undefined;
}

function cookieName(request: FastifyRequest, settings: Settings): string {
  return isHttps(request, settings) ? HTTPS_COOKIE : HTTP_COOKIE;
}
