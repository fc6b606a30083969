import type { FastifyReply, FastifyRequest } from 'fastify';
import { newSecret } from '../access/secrets.ts';

const COOKIE = 'partway-login';
const NONCE = /^[A-Za-z0-9_-]{43}$/;

/** Marks the browser, so that a form can be told to come from the page that it was shown. One that is marked stays so. */
export function giveNonce(reply: FastifyReply, request: FastifyRequest): string {
  const nonce = nonceOf(request) ?? newSecret();
  const secure = request.protocol === 'https' ? '; Secure' : '';
  reply.header('set-cookie', `${COOKIE}=${nonce}; Path=/; HttpOnly; SameSite=Lax; Max-Age=900${secure}`);
  return nonce;
}

export function nonceOf({ headers }: FastifyRequest): string | undefined {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=', 2);
    if (name === COOKIE && NONCE.test(value)) return value;
  }
  return undefined;
}
