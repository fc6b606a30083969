import { errorCode } from '../../util/system-error.ts';
import { StorageError } from '../errors.ts';

const RETRY_AFTER_SECONDS = 5;

/**
 * Converts a system error into a `StorageError` if the disk is full, a file too large, or too many files are open. Returns
 * other errors unchanged.
 */
export function diskError(error: unknown): unknown {
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new StorageError(
        'storage-full',
        "The server's disk is full. Acknowledged data is safe. Send this part again when space is available.",
        { cause: error },
      );
    case 'EFBIG':
      return new StorageError('file-too-large', "The file is larger than the server's file system allows.", {
        cause: error,
      });
    case 'EMFILE':
    case 'ENFILE':
      return new StorageError('unavailable', 'The server has too many open files. Send this again in a moment.', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        cause: error,
      });
    default:
      return error;
  }
}
