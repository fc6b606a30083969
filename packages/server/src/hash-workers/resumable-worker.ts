import { parentPort } from 'node:worker_threads';
import type { Sha1 } from '@partway/protocol/ids';
import { createSHA1, type IHasher } from 'hash-wasm';
import { DigestStateUnusableError, toFailure } from './errors.ts';
import { readFileChunks } from './read-file.ts';
import type { HashState, ResumableHashJob } from './resumable-pool.ts';
import type { WorkerReply } from './worker.ts';

// Runs in a worker thread and keeps nothing from one job to the next: a state comes in, a state goes out.

const hasher = await createSHA1();

parentPort?.on('message', (job: ResumableHashJob) => parentPort?.postMessage(answer(job)));

function answer(job: ResumableHashJob): WorkerReply<string> {
  try {
    return { result: job.kind === 'finish' ? sha1Of(job.state) : extended(job.state, job.bytes) };
  } catch (error) {
    return { failure: toFailure(error) };
  }
}

function sha1Of(state: HashState): Sha1 {
  return resumed(state).digest('hex') as Sha1;
}

function extended(state: HashState | undefined, bytes: (ResumableHashJob & { kind: 'extend' })['bytes']): HashState {
  const hash = resumed(state);
  if (bytes instanceof Uint8Array) hash.update(bytes);
  else readFileChunks(bytes, (piece) => hash.update(piece));
  return Buffer.from(hash.save()).toString('base64') as HashState;
}

function resumed(state: HashState | undefined): IHasher {
  if (state === undefined) return hasher.init();
  try {
    return hasher.load(Buffer.from(state, 'base64'));
  } catch (error) {
    throw new DigestStateUnusableError(`a saved digest cannot be gone on from: ${(error as Error).message}`);
  }
}
