/** The digest of a key does not stand where the caller thought; it was dropped, and starts again at byte 0. */
export class DigestOutOfStepError extends Error {
  override readonly name = 'DigestOutOfStep';
}

/** The worker died, or the pool was closed: what only it knew is gone. */
export class DigestWorkerLostError extends Error {
  override readonly name = 'DigestWorkerLost';
}

/** A saved state that this build cannot go on from: another version made it, or it is damaged. */
export class DigestStateUnusableError extends Error {
  override readonly name = 'DigestStateUnusable';
}

/** An error as it crosses between threads; `code` is the system's, such as ENOENT. */
export interface DigestFailure {
  message: string;
  code?: string | undefined;
  kind?: 'out of step' | 'unusable state' | undefined;
}

/** Makes an error ready to cross. */
export function toFailure(error: unknown): DigestFailure {
  return {
    message: error instanceof Error ? error.message : String(error),
    code: error instanceof Error && 'code' in error ? String(error.code) : undefined,
    kind: kindOf(error),
  };
}

function kindOf(error: unknown): DigestFailure['kind'] {
  if (error instanceof DigestOutOfStepError) return 'out of step';
  if (error instanceof DigestStateUnusableError) return 'unusable state';
  return undefined;
}
