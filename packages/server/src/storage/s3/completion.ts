import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import { S3Error } from './errors.ts';
import type { MultipartUpload, MultipartUploads } from './multipart-uploads.ts';
import type { S3Objects } from './objects.ts';

/** What is asked after, and for how long. */
interface Completion {
  size: number;
  gone: () => Error;
  /** Why nobody knows. */
  failure: S3Error;
  /** The store may be at it still, where it gave no answer: for so long its object is waited for. */
  timeout: Millis;
}

const PAUSE: Millis = 500;

/**
 * Whether an upload has become an object of `size` bytes, though S3 gave no answer to say so, or one that can be read so
 * or so: true, or undefined where it is still an upload, or where S3 does not say. Rejects with `gone()` where it is
 * neither. The upload is asked for first: with most stores it goes only when the object is there. versitygw takes it away
 * before it puts the object together.
 */
export async function resolveCompletion(
  { uploads, objects }: { uploads: MultipartUploads; objects: S3Objects },
  upload: MultipartUpload,
  { size, gone, failure, timeout }: Completion,
): Promise<true | undefined> {
  const deadline = performance.now() + (isStoresOwn(failure) ? 0 : timeout);
  try {
    if (await uploads.exists(upload)) return undefined;
    while (!(await hasObject(objects, upload.key, size))) {
      if (performance.now() >= deadline) throw gone();
      await sleep(PAUSE);
    }
    return true;
  } catch (error) {
    if (error instanceof S3Error && error.retryable) return undefined;
    throw error;
  }
}

/** Whether it was the store that failed, and not the way there: then nothing is under way any more. */
function isStoresOwn({ status }: S3Error): boolean {
  return status === 500 || status === 503;
}

/** Whether the object is there. One of another size is damage that somebody has to look at, never to build upon. */
export async function hasObject(objects: S3Objects, key: string, size: number): Promise<boolean> {
  const found = await objects.sizeOf(key);
  if (found === undefined) return false;
  if (found !== size) throw new Error(`${key} has ${found} bytes where ${size} were written`);
  return true;
}
