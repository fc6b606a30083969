import { createHash, type Hash } from 'node:crypto';
import type { Sha1 } from '@partway/protocol/ids';
import type { LocalPart } from '../storage/blob-store.ts';
import { serveRequests } from '../util/worker-client.ts';
import { DigestOutOfStepError, toFailure } from './errors.ts';
import type { HashJob, RunningDigest } from './messages.ts';
import { readFileChunks } from './read-file.ts';
import type { WorkerReply } from './worker.ts';

// The worker thread of a `FileHashPool`. A hash state of node:crypto can be copied but not exported, so the states stay
// in this thread.

interface Entry {
  hash: Hash;
  length: number;
}

const entries = new Map<string, Entry>();

serveRequests<HashJob, WorkerReply<RunningDigest | undefined>>((job, reply) => {
  if (job.kind === 'forget') entries.delete(job.key);
  else reply(handleJob(job));
});

function handleJob(job: Exclude<HashJob, { kind: 'forget' }>): WorkerReply<RunningDigest | undefined> {
  try {
    if (job.kind === 'current') return { result: current(job.key) };
    extend(job.key, job.from, job.bytes);
    return { result: undefined };
  } catch (error) {
    // It is unknown how many bytes the hash includes, so the caller starts from scratch.
    entries.delete(job.key);
    return { failure: toFailure(error) };
  }
}

function extend(key: string, from: number, bytes: LocalPart): void {
  const entry = entries.get(key) ?? { hash: createHash('sha1'), length: 0 };
  if (entry.length !== from) {
    throw new DigestOutOfStepError(`the digest includes ${entry.length} bytes, not ${from}`);
  }
  readFileChunks(bytes, (chunk) => entry.hash.update(chunk));
  entry.length += bytes.length;
  entries.set(key, entry);
}

function current(key: string): RunningDigest | undefined {
  const entry = entries.get(key);
  return entry && { sha1: entry.hash.copy().digest('hex') as Sha1, length: entry.length };
}
