import type { ContentId, Millis } from '@partway/protocol/ids';
import type { S3Objects } from './objects.ts';
import type { Bucket } from './retry.ts';

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

/** Where a prefix says which database names the contents below it: a small object beside them. */
export interface S3Mark {
  /** Where it lies, for people. */
  readonly place: string;
  /** The id that was written; undefined where there is none. */
  read(): Promise<string | undefined>;
  write(id: string): Promise<void>;
}

export function s3Mark(objects: S3Objects, keys: S3Keys, bucket: string): S3Mark {
  const place = `s3://${bucket}/${keys.mark}`;
  const read = async () => (await objects.getText(keys.mark))?.trim();
  return {
    place,
    read,
    async write(id) {
      await objects.putText(keys.mark, `${id}\n`);
      // Two databases that come at once write over one another; the one that lost must not believe that it won.
      if ((await read()) !== id) throw new Error(`Another server has just taken ${place} for its database.`);
    },
  };
}

/** Clocks that differ by less are taken for the same: an answer that S3 takes minutes for says no more than that. */
const SAME: Millis = 5 * 60_000;

/**
 * A moment that S3 tells, by the clock of this machine, with which it is compared: a clock that is wrong here would make
 * old what has just come. The SDK learns from each answer by how much the two differ. What S3 does not tell is now.
 */
export function momentOf({ client }: Bucket, told: Date | undefined): Millis {
  if (told === undefined) return Date.now();
  const ahead = client.config.systemClockOffset;
  return told.getTime() - (Math.abs(ahead) < SAME ? 0 : ahead);
}
