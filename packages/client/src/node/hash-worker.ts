import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { HashJob, HashResult } from './hash-thread.ts';

// Runs in a worker thread, so blocking reads are fine. Every byte is read once and added to two hashes, that of its part
// and that of the file, while it is still in the processor's cache.

/** Measured: chunks of 256 KiB take 10 % less time than whole parts, because the second hash finds them in the cache. */
const CHUNK_BYTES = 256 * 1024;

const { path } = workerData as { path: string | undefined };
const file = path === undefined ? undefined : openSync(path, 'r');
const fileHash = createHash('sha1');
const scratch = file === undefined ? undefined : Buffer.allocUnsafeSlow(CHUNK_BYTES);

parentPort?.on('message', (job: HashJob) => {
  try {
    parentPort?.postMessage({ id: job.id, sha1: runJob(job) } satisfies HashResult);
  } catch (error) {
    parentPort?.postMessage({ id: job.id, error } satisfies HashResult);
  }
});

function runJob(job: HashJob): string {
  if (job.kind === 'whole') {
    if (file !== undefined) closeSync(file);
    return fileHash.digest('hex');
  }
  const partHash = createHash('sha1');
  for (let done = 0; done < job.size; ) {
    const chunk = nextChunk(job, done);
    partHash.update(chunk);
    fileHash.update(chunk);
    done += chunk.byteLength;
  }
  return partHash.digest('hex');
}

/** Returns the next chunk. A file is read into the part's memory, or into `scratch` if the part is not kept. */
function nextChunk({ memory, size, offset }: Exclude<HashJob, { kind: 'whole' }>, done: number): Uint8Array {
  const length = Math.min(CHUNK_BYTES, size - done);
  const target = memory === undefined ? scratch?.subarray(0, length) : new Uint8Array(memory, done, length);
  if (target === undefined) throw new Error('There is nothing to hash.');
  if (file === undefined) return target;
  const bytesRead = readSync(file, target, 0, length, offset + done);
  if (bytesRead === 0)
    throw new Error(`${path} ended at byte ${offset + done}; its size is now ${fstatSync(file).size} bytes.`);
  return target.subarray(0, bytesRead);
}
