import type { Sha1 } from '@partway/protocol/ids';
import { createSHA1, type IHasher } from 'hash-wasm';
import { serveRequests } from '../util/worker-client.ts';
import { DigestStateUnusableError, toFailure } from './errors.ts';
import { readFileChunks } from './read-file.ts';
import type { HashState, ResumableHashJob } from './resumable-pool.ts';
import type { WorkerReply } from './worker.ts';

// The worker thread of a `ResumableHashPool`. It keeps no state between jobs: each job brings a hash state, and the reply
// has the new one.

const hasher = await createSHA1();

serveRequests<ResumableHashJob, WorkerReply<string>>((job, reply) => reply(handleJob(job)));

function handleJob(job: ResumableHashJob): WorkerReply<string> {
  try {
    return { result: job.kind === 'finish' ? finish(job.state) : extend(job.state, job.bytes) };
  } catch (error) {
    return { failure: toFailure(error) };
  }
}

function finish(state: HashState): Sha1 {
  return loadState(state).digest('hex') as Sha1;
}

function extend(state: HashState | undefined, bytes: (ResumableHashJob & { kind: 'extend' })['bytes']): HashState {
  const hash = loadState(state);
  if (bytes instanceof Uint8Array) hash.update(bytes);
  else readFileChunks(bytes, (chunk) => hash.update(chunk));
  return Buffer.from(hash.save()).toString('base64') as HashState;
}

function loadState(state: HashState | undefined): IHasher {
  if (state === undefined) return hasher.init();
  try {
    return hasher.load(Buffer.from(state, 'base64'));
  } catch (error) {
    throw new DigestStateUnusableError(`the saved hash state is not usable: ${(error as Error).message}`);
  }
}
