import type { ContentId } from '@partway/protocol/ids';

const CONTENT_ID = /^[0-9a-f]{32}$/;

/** Which key is whose, below one prefix: `PREFIX/content/ID` for the bytes of ID, `PREFIX/database-id` for the mark. */
export class S3Keys {
  /** Says which database names the contents. */
  readonly mark: string;
  /** Of all contents. */
  readonly contents: string;

  /** `prefix` without slashes at its ends; empty for the bucket's root. */
  constructor(prefix: string) {
    const base = prefix === '' ? '' : `${prefix}/`;
    this.mark = `${base}database-id`;
    this.contents = `${base}content/`;
  }

  of(content: ContentId): string {
    if (!CONTENT_ID.test(content)) throw new TypeError('a content id is 32 lower-case hex digits');
    return this.contents + content;
  }

  /** Whose bytes lie under a key; undefined where it is none of ours. */
  contentOf(key: string): ContentId | undefined {
    const id = key.slice(this.contents.length);
    return key.startsWith(this.contents) && CONTENT_ID.test(id) ? (id as ContentId) : undefined;
  }
}
