import { isIPv6 } from 'node:net';
import type { Millis } from '../api/ids.ts';
import type { UserRow } from '../sql/tables.ts';
import type { Access } from './access.ts';
import { matchesPassword } from './passwords.ts';
import { findUserByLogin } from './records.ts';
import { Slowdown } from './slowdown.ts';

const MOST_NAMES = 10_000;
/** Short enough that guessing at somebody's login does not keep them out. */
const LONGEST_LOGIN_WAIT: Millis = 30_000;
const LONGEST_ADDRESS_WAIT: Millis = 15 * 60_000;
/** Each costs 32 MiB and a thread of the pool that also reads files, so they go one by one, and few may queue. */
const MOST_WAITING = 16;

export type LogInOutcome =
  | { kind: 'user'; user: UserRow }
  | { kind: 'wrong' }
  /** Login and password are right, but an administrator has shut the user out. */
  | { kind: 'inactive' }
  /** Nothing was tried. */
  | { kind: 'later'; wait: Millis };

/** What `logIn` remembers of attempts. */
export class LogInAttempts {
  readonly logins = new Slowdown({ most: MOST_NAMES, longestWait: LONGEST_LOGIN_WAIT });
  readonly addresses = new Slowdown({ most: MOST_NAMES, longestWait: LONGEST_ADDRESS_WAIT });
  #waiting = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** Runs `check` after those before it; undefined where too many wait. */
  async inTurn<T>(check: () => Promise<T>): Promise<T | undefined> {
    if (this.#waiting >= MOST_WAITING) return undefined;
    this.#waiting += 1;
    const mine = this.#turn.then(check);
    this.#turn = mine.catch(() => {});
    try {
      return await mine;
    } finally {
      this.#waiting -= 1;
    }
  }
}

/** Whose login and password these are. Who fails too often, under one login or from one address, has to wait. */
export async function logIn(
  { db, logIns, clock }: Access,
  attempt: { login: string; password: string; address: string },
): Promise<LogInOutcome> {
  const { logins, addresses } = logIns;
  const { login, password } = attempt;
  const network = networkOf(attempt.address);
  const at = clock.monotonic();
  const wait = Math.max(logins.waitOf(login, at), addresses.waitOf(network, at));
  if (wait > 0) return { kind: 'later', wait };
  logins.note(login, at);
  addresses.note(network, at);

  const user = await findUserByLogin(db, login);
  const right = await logIns.inTurn(() => matchesPassword(password, user?.password_hash ?? null));
  if (right === undefined) {
    logins.takeBack(login);
    addresses.takeBack(network);
    return { kind: 'later', wait: 1_000 };
  }
  if (!right || user === undefined) return { kind: 'wrong' };
  logins.forget(login);
  addresses.takeBack(network);
  return user.status === 'inactive' ? { kind: 'inactive' } : { kind: 'user', user };
}

/** One who has an IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - rest.length }, () => '0');
  return [...groups, ...zeros, ...rest].slice(0, 4).join(':');
}
