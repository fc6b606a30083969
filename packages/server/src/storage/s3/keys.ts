import type { BlobId } from '@partway/protocol/ids';
import { BLOB_ID, checkBlobId } from '../blob-store.ts';

/** The keys below one prefix: `PREFIX/blobs/ID` for each blob, and `PREFIX/database-id` for the ownership marker. */
export class S3Keys {
  /** The key of the ownership marker. */
  readonly owner: string;
  /** The prefix of all blobs. */
  readonly blobs: string;

  /** @param prefix Has no slash at its start or end; empty for the whole bucket. */
  constructor(prefix: string) {
    const base = prefix === '' ? '' : `${prefix}/`;
    this.owner = `${base}database-id`;
    this.blobs = `${base}blobs/`;
  }

  blobKey(blob: BlobId): string {
    return this.blobs + checkBlobId(blob);
  }

  /** Returns the blob of a key, or undefined if the key is not one of ours. */
  parseBlobKey(key: string): BlobId | undefined {
    const id = key.slice(this.blobs.length);
    return key.startsWith(this.blobs) && BLOB_ID.test(id) ? (id as BlobId) : undefined;
  }
}
