import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import { S3Error } from './errors.ts';
import type { MultipartUpload, MultipartUploads } from './multipart-uploads.ts';
import type { S3Objects } from './objects.ts';

interface Completion {
  size: number;
  /** Creates the error for an upload that no longer exists and has left no object. */
  goneError: () => Error;
  /** Why the result of the completion is unknown. */
  failure: S3Error;
  /** How long to wait for the object, because the store might still be creating it. */
  timeout: Millis;
}

const POLL_INTERVAL: Millis = 500;

/**
 * Finds out whether an upload has become an object of `size` bytes although the response was lost or ambiguous. Returns
 * true if so, and undefined if the upload still exists, or if S3 does not answer. Throws `goneError()` if neither the upload
 * nor the object exists. Checks the upload first: most stores delete it only when the object exists. versitygw deletes it
 * before it creates the object.
 */
export async function resolveCompletion(
  { uploads, objects }: { uploads: MultipartUploads; objects: S3Objects },
  upload: MultipartUpload,
  { size, goneError, failure, timeout }: Completion,
): Promise<true | undefined> {
  const deadline = performance.now() + (isStoreFailure(failure) ? 0 : timeout);
  try {
    if (await uploads.exists(upload)) return undefined;
    while (!(await hasObject(objects, upload.key, size))) {
      if (performance.now() >= deadline) throw goneError();
      await sleep(POLL_INTERVAL);
    }
    return true;
  } catch (error) {
    if (error instanceof S3Error && error.retryable) return undefined;
    throw error;
  }
}

/** Whether the store itself failed, rather than the network: then it is no longer working on the upload. */
function isStoreFailure({ status }: S3Error): boolean {
  return status === 500 || status === 503;
}

/** Whether the object exists. Throws if it has another size, because it is damaged then. */
export async function hasObject(objects: S3Objects, key: string, size: number): Promise<boolean> {
  const found = await objects.findSize(key);
  if (found === undefined) return false;
  if (found !== size) throw new Error(`${key} has ${found} bytes, but ${size} were written.`);
  return true;
}
