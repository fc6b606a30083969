import { isIPv6 } from 'node:net';
import type { Millis } from '@partway/protocol/ids';
import { foldCase } from '@partway/protocol/text';
import type { UserRow } from '../../database/schema.ts';
import type { AuthContext } from '../context.ts';
import { matchesPassword } from '../users/password.ts';
import { findUserByLogin } from '../users/store.ts';

/** How long to wait if too many attempts are being checked. */
const BUSY_WAIT: Millis = 1_000;

type LoginOutcome =
  | { kind: 'user'; user: UserRow }
  | { kind: 'wrong' }
  /** Login and password are right, but an administrator has shut the user out. */
  | { kind: 'inactive' }
  /** Nothing was tried. */
  | { kind: 'later'; wait: Millis };

/** Whose login and password these are. Who fails too often has to wait (`LoginAttempts`). */
export async function logIn(
  { db, loginAttempts: logIns, clock }: AuthContext,
  { login, password, address }: { login: string; password: string; address: string },
): Promise<LoginOutcome> {
  const attempt = { login: foldCase(login), network: networkFor(address) };
  const at = clock.monotonic();
  const wait = logIns.delayFor(attempt, at);
  if (wait > 0) return { kind: 'later', wait };
  const begun = logIns.begin(attempt, at);

  const user = await findUserByLogin(db, login);
  const right = await logIns.turns.run(begun, () => matchesPassword(password, user?.password_hash ?? null));
  if (right === undefined) {
    logIns.undo(begun);
    return { kind: 'later', wait: BUSY_WAIT };
  }
  if (!right || user === undefined) return { kind: 'wrong' };
  logIns.succeed(begun);
  return user.status === 'inactive' ? { kind: 'inactive' } : { kind: 'user', user };
}

/** An address as attempts are counted: one who has an IPv6 address has 2^64 of them. */
export function networkFor(address: string): string {
  if (!isIPv6(address)) return address;
  if (/^::ffff:[0-9.]+$/i.test(address)) return address.slice('::ffff:'.length);
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - rest.length }, () => '0');
  return [...groups, ...zeros, ...rest].slice(0, 4).join(':');
}
