import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** As OWASP recommends for scrypt. A hash takes 32 MiB and about a quarter of a second. */
const COST = { N: 2 ** 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const MIN_CHARACTERS = 8;
const MAX_CHARACTERS = 1024;

/**
 * Hashes a password for storage. The result includes the cost, so that later versions can increase it, and the salt.
 * Throws the error of `assertPassword`.
 */
export async function hashPassword(password: string): Promise<string> {
  assertPassword(password);
  const salt = randomBytes(16);
  const hash = await derive(password, salt, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Throws a message for the operator if the password is too short or too long. */
export function assertPassword(password: string): void {
  if (password.length >= MIN_CHARACTERS && password.length <= MAX_CHARACTERS) return;
  throw new Error(`A password must have ${MIN_CHARACTERS} to ${MAX_CHARACTERS} characters.`);
}

/**
 * Whether `password` is the one that was hashed. Returns false if there is no hash, after the same time, so that the
 * time does not reveal which users exist.
 */
export async function matchesPassword(password: string, passwordHash: string | null): Promise<boolean> {
  const [kind, N, r, p, salt = '', hash = ''] = (passwordHash ?? '').split('$');
  if (kind !== 'scrypt') {
    await derive(password.slice(0, MAX_CHARACTERS), Buffer.alloc(16), COST);
    return false;
  }
  const expected = Buffer.from(hash, 'base64url');
  const actual = await derive(password.slice(0, MAX_CHARACTERS), Buffer.from(salt, 'base64url'), {
    N: Number(N),
    r: Number(r),
    p: Number(p),
  });
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function derive(password: string, salt: Buffer, cost: { N: number; r: number; p: number }): Promise<Buffer> {
  // Twice the memory that scrypt needs.
  const options: ScryptOptions = { ...cost, maxmem: 256 * cost.N * cost.r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    );
  });
}
