/** The digest of a key does not include as many bytes as the caller expected. It was dropped, and starts from byte 0. */
export class DigestOutOfStepError extends Error {
  override readonly name = 'DigestOutOfStepError';
}

/** The worker died or the pool was closed, so the states in its memory are lost. */
export class DigestWorkerLostError extends Error {
  override readonly name = 'DigestWorkerLostError';
}

/** This build cannot continue from a saved state: another version created it, or it is damaged. */
export class DigestStateUnusableError extends Error {
  override readonly name = 'DigestStateUnusableError';
}

/** An error in a form that can be sent between threads. `code` is the system's code, such as ENOENT. */
export interface DigestFailure {
  message: string;
  code?: string | undefined;
  kind?: 'out of step' | 'unusable state' | undefined;
}

export function toFailure(error: unknown): DigestFailure {
  return {
    message: error instanceof Error ? error.message : String(error),
    code: error instanceof Error && 'code' in error ? String(error.code) : undefined,
    kind: findKind(error),
  };
}

function findKind(error: unknown): DigestFailure['kind'] {
  if (error instanceof DigestOutOfStepError) return 'out of step';
  if (error instanceof DigestStateUnusableError) return 'unusable state';
  return undefined;
}
