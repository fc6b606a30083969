import { S3Failure } from './s3-failure.ts';
import type { S3Objects } from './s3-objects.ts';
import type { S3Upload, S3Uploads } from './s3-uploads.ts';

/**
 * Whether an upload has become an object of `size` bytes, though S3 gave no answer to say so, or one that can be read so
 * or so: true, or undefined where it is still an upload, or where S3 does not say. Rejects with `gone()` where it is
 * neither. The upload is asked for first: it goes only when the object is there.
 */
export async function outcomeOf(
  { uploads, objects }: { uploads: S3Uploads; objects: S3Objects },
  upload: S3Upload,
  { size, gone }: { size: number; gone: () => Error },
): Promise<true | undefined> {
  try {
    if (await uploads.has(upload)) return undefined;
    if (await hasObject(objects, upload.key, size)) return true;
  } catch (error) {
    if (error instanceof S3Failure && error.passing) return undefined;
    throw error;
  }
  throw gone();
}

/** Whether the object is there. One of another size is damage that somebody has to look at, never to build upon. */
export async function hasObject(objects: S3Objects, key: string, size: number): Promise<boolean> {
  const found = await objects.sizeOf(key);
  if (found === undefined) return false;
  if (found !== size) throw new Error(`${key} has ${found} bytes where ${size} were written`);
  return true;
}
