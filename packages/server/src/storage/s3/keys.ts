import type { BlobId } from '@partway/protocol/ids';

const CONTENT_ID = /^[0-9a-f]{32}$/;

/** Which key is whose, below one prefix: `PREFIX/blobs/ID` for the bytes of ID, `PREFIX/database-id` for the mark. */
export class S3Keys {
  /** Says which database names the contents. */
  readonly owner: string;
  /** Of all contents. */
  readonly blobs: string;

  /** `prefix` without slashes at its ends; empty for the bucket's root. */
  constructor(prefix: string) {
    const base = prefix === '' ? '' : `${prefix}/`;
    this.owner = `${base}database-id`;
    this.blobs = `${base}blobs/`;
  }

  blobKey(blob: BlobId): string {
    if (!CONTENT_ID.test(blob)) throw new TypeError('a content id is 32 lower-case hex digits');
    return this.blobs + blob;
  }

  /** Whose bytes lie under a key; undefined where it is none of ours. */
  parseBlobKey(key: string): BlobId | undefined {
    const id = key.slice(this.blobs.length);
    return key.startsWith(this.blobs) && CONTENT_ID.test(id) ? (id as BlobId) : undefined;
  }
}
