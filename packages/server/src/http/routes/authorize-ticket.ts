import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Millis } from '@partway/protocol/ids';
import type { Scope } from '../../auth/scopes.ts';
import { isStillGood } from '../../time/clock.ts';

/** How long a login page may stand open, in milliseconds. */
export const PAGE_MILLIS = 15 * 60_000;

/** What a login page was shown for. It goes into the page, signed, and comes back with the form. */
export interface Ticket {
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
export function sealTicket(key: Buffer, nonce: string, ticket: Ticket): string {
  const text = Buffer.from(JSON.stringify(ticket)).toString('base64url');
  return `${text}.${sign(key, nonce, text).toString('base64url')}`;
}

/** The ticket, or undefined where it was not sealed here for this browser, or is too old. */
export function openTicket(key: Buffer, nonce: string, sealed: string, now: Millis): Ticket | undefined {
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
