import type { FastifyReply, FastifyRequest } from 'fastify';
import { newSecret } from '../../auth/secrets.ts';
import { isHttps } from '../hooks/https.ts';
import type { HttpSettings } from '../services.ts';

/** No other host, and no page that came by http, can set a cookie of this name; browsers take it by https only. */
const HOST_COOKIE = '__Host-partway-login';
/** For http, as on the loopback address. */
const COOKIE = 'partway-login';
const NONCE = /^[A-Za-z0-9_-]{43}$/;

type Settings = Pick<HttpSettings, 'publicUrl'>;

/** Marks the browser, so that a form can be told to come from the page that it was shown. One that is marked stays so. */
export function giveNonce(reply: FastifyReply, request: FastifyRequest, settings: Settings): string {
  const nonce = nonceOf(request, settings) ?? newSecret();
  const secure = isHttps(request, settings) ? '; Secure' : '';
  const name = nameFor(request, settings);
  reply.header('set-cookie', `${name}=${nonce}; Path=/; HttpOnly; SameSite=Lax; Max-Age=900${secure}`);
  return nonce;
}

export function nonceOf(request: FastifyRequest, settings: Settings): string | undefined {
  const wanted = nameFor(request, settings);
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=', 2);
    if (name === wanted && NONCE.test(value)) return value;
  }
  return undefined;
}

function nameFor(request: FastifyRequest, settings: Settings): string {
  return isHttps(request, settings) ? HOST_COOKIE : COOKIE;
}
