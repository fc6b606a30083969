import { KnownError } from '../errors.ts';

export type StorageErrorCode =
  | 'blob-not-found'
  | 'digest-mismatch'
  | 'file-too-large'
  | 'length-mismatch'
  | 'storage-full'
  | 'unavailable';

/** What a blob store cannot do, or a body that is not what was announced. */
export class StorageError extends KnownError<StorageErrorCode> {
  get isRejection(): boolean {
    return this.code !== 'unavailable' && this.code !== 'storage-full';
  }
}
