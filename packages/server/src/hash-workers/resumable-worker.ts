import { parentPort } from 'node:worker_threads';
import type { Sha1 } from '@partway/protocol/ids';
import { createSHA1, type IHasher } from 'hash-wasm';
import { DigestStateUnusable, failureOf } from './errors.ts';
import { readPieces } from './read-file.ts';
import type { DigestState, SavedDigestJob } from './resumable-pool.ts';
import type { LaneAnswer } from './worker.ts';

// Runs in a worker thread and keeps nothing from one job to the next: a state comes in, a state goes out.

const hasher = await createSHA1();

parentPort?.on('message', (job: SavedDigestJob) => parentPort?.postMessage(answer(job)));

function answer(job: SavedDigestJob): LaneAnswer<string> {
  try {
    return { result: job.kind === 'finish' ? sha1Of(job.state) : extended(job.state, job.bytes) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function sha1Of(state: DigestState): Sha1 {
  return resumed(state).digest('hex') as Sha1;
}

function extended(state: DigestState | undefined, bytes: (SavedDigestJob & { kind: 'extend' })['bytes']): DigestState {
  const hash = resumed(state);
  if (bytes instanceof Uint8Array) hash.update(bytes);
  else readPieces(bytes, (piece) => hash.update(piece));
  return Buffer.from(hash.save()).toString('base64') as DigestState;
}

function resumed(state: DigestState | undefined): IHasher {
  if (state === undefined) return hasher.init();
  try {
    return hasher.load(Buffer.from(state, 'base64'));
  } catch (error) {
    throw new DigestStateUnusable(`a saved digest cannot be gone on from: ${(error as Error).message}`);
  }
}
