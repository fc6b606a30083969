import type { S3Keys } from './keys.ts';
import type { S3Objects } from './objects.ts';

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
