import { KnownError } from '../errors.ts';

export type StorageErrorCode =
  | 'blob-not-found'
  | 'digest-mismatch'
  | 'file-too-large'
  | 'length-mismatch'
  | 'storage-full'
  | 'unavailable';

/** A blob store failed, or a body does not match its announced length or digest. */
export class StorageError extends KnownError<StorageErrorCode> {
  get isRejection(): boolean {
    return this.code !== 'unavailable' && this.code !== 'storage-full';
  }
}

/** The error for a blob that was deleted. */
export function blobGoneError(cause?: unknown): StorageError {
  return new StorageError(
    'blob-not-found',
    'This upload no longer exists: it was aborted or committed, or has expired.',
    {
      cause,
    },
  );
}
