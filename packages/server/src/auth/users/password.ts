import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** OWASP's advice for scrypt; 32 MiB and about a quarter of a second each. */
const COST = { N: 2 ** 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const SHORTEST = 8;
const LONGEST = 1024;

/** What is kept of a password: the cost, the salt and the hash, so that the cost may rise later. Throws as `assertPassword`. */
export async function hashPassword(password: string): Promise<string> {
  assertPassword(password);
  const salt = randomBytes(16);
  const hash = await derive(password, salt, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Throws a sentence for the operator where nobody should have this password. */
export function assertPassword(password: string): void {
  if (password.length >= SHORTEST && password.length <= LONGEST) return;
  throw new Error(`A password has ${SHORTEST} to ${LONGEST} characters: give another.`);
}

/** Whether `password` is the one that was hashed. Takes as long where there is no hash, and is then false. */
export async function matchesPassword(password: string, kept: string | null): Promise<boolean> {
  const [kind, N, r, p, salt = '', hash = ''] = (kept ?? '').split('$');
  if (kind !== 'scrypt') {
    await derive(password.slice(0, LONGEST), Buffer.alloc(16), COST);
    return false;
  }
  const right = Buffer.from(hash, 'base64url');
  const given = await derive(password.slice(0, LONGEST), Buffer.from(salt, 'base64url'), {
    N: Number(N),
    r: Number(r),
    p: Number(p),
  });
  return right.length === given.length && timingSafeEqual(right, given);
}

function derive(password: string, salt: Buffer, cost: { N: number; r: number; p: number }): Promise<Buffer> {
  // Twice what it needs.
  const options: ScryptOptions = { ...cost, maxmem: 256 * cost.N * cost.r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    );
  });
}
