import { errorCode } from '../../util/system-error.ts';
import { StorageError } from '../errors.ts';

/** What a failed file operation means to the client: a full disk and a file too large get a code, the rest stays as it is. */
export function diskError(error: unknown): unknown {
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new StorageError(
        'storage-full',
        'The disk of this server is full. What was acknowledged stands; send this part again once there is room.',
        { cause: error },
      );
    case 'EFBIG':
      return new StorageError('file-too-large', 'The file is larger than the file system of this server can hold.', {
        cause: error,
      });
    default:
      return error;
  }
}
