import { ApiError } from '../errors.ts';
import { isPassing } from '../retry.ts';

/** Refusals of what is sent, not of its bytes: the same upload again would be refused again. */
const FINAL = new Set([400, 404, 409, 410, 412, 413]);
const OF_BYTES = /^(bad_digest|digest_mismatch|parts_mismatch)$/;

/**
 * Whether an upload that ended so leads nowhere, whoever tries it again: what it has stored is of no use. Not where a
 * login, more room or a better line would help.
 */
export function isFinal(error: unknown): boolean {
  return error instanceof ApiError && FINAL.has(error.status) && !OF_BYTES.test(error.code) && !isPassing(error);
}
