import { isIPv6 } from 'node:net';
import type { Millis } from '@partway/protocol/ids';
import { foldCase } from '@partway/protocol/text';
import type { UserRow } from '../../database/schema.ts';
import type { AuthContext } from '../context.ts';
import { matchesPassword } from '../users/password.ts';
import { findUserByLogin } from '../users/store.ts';

/** The delay if too many passwords are waiting to be checked. */
const BUSY_DELAY: Millis = 1_000;

type LoginOutcome =
  | { kind: 'user'; user: UserRow }
  | { kind: 'wrong' }
  /** Login and password are correct, but the user is inactive. */
  | { kind: 'inactive' }
  /** The password was not checked. */
  | { kind: 'later'; delay: Millis };

/** Checks a login and password. Throttles attempts after too many failures (`LoginAttempts`). */
export async function logIn(
  { db, loginAttempts, clock }: AuthContext,
  { login, password, address }: { login: string; password: string; address: string },
): Promise<LoginOutcome> {
  const attempt = { login: foldCase(login), network: networkFor(address) };
  const at = clock.monotonic();
  const delay = loginAttempts.delayFor(attempt, at);
  if (delay > 0) return { kind: 'later', delay };
  const started = loginAttempts.begin(attempt, at);

  const user = await findUserByLogin(db, login);
  const isCorrect = await loginAttempts.queue.run(started, () =>
    matchesPassword(password, user?.password_hash ?? null),
  );
  if (isCorrect === undefined) {
    loginAttempts.undo(started);
    return { kind: 'later', delay: BUSY_DELAY };
  }
  if (!isCorrect || user === undefined) return { kind: 'wrong' };
  loginAttempts.succeed(started);
  return user.status === 'inactive' ? { kind: 'inactive' } : { kind: 'user', user };
}

/**
 * The network by which an address is throttled: the /64 prefix for IPv6, because one host controls the whole prefix.
 */
export function networkFor(address: string): string {
  if (!isIPv6(address)) return address;
  if (/^::ffff:[0-9.]+$/i.test(address)) return address.slice('::ffff:'.length);
  const [start = '', end] = address.split('%', 1)[0]?.split('::') ?? [];
  const head = start === '' ? [] : start.split(':');
  const tail = end === undefined || end === '' ? [] : end.split(':');
  const zeros = end === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].slice(0, 4).join(':');
}
