import { Refusal } from '../api/refusal.ts';

/** What a failed file operation means to the client: a full disk and a file too large get a code, the rest stays as it is. */
export function diskRefusal(error: unknown): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new Refusal(
        'insufficient_storage',
        'The disk of this server is full. What was acknowledged stands; send this part again once there is room.',
        { cause: error },
      );
    case 'EFBIG':
      return new Refusal(
        'file_size_limit_exceeded',
        'The file is larger than the file system of this server can hold.',
        {
          cause: error,
        },
      );
    default:
      return error;
  }
}

/** True for "no such file or folder". */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** The system's name of an error, such as ENOSPC; undefined where it is not one of the system's. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
