import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { Sha1 } from '@partway/protocol/ids';
import type { LocalBytes } from '../storage/blob-store.ts';
import { DigestOutOfStep, failureOf } from './errors.ts';
import type { DigestJob, RunningDigest } from './messages.ts';
import { readPieces } from './read-file.ts';
import type { LaneAnswer } from './worker.ts';

// Runs in a worker thread: reads block, and that is fine here. A hash state of node:crypto can be copied but not
// exported, so the states stay in this thread for as long as it lives.

interface Entry {
  hash: Hash;
  length: number;
}

const entries = new Map<string, Entry>();

parentPort?.on('message', (job: DigestJob) => {
  if (job.kind === 'forget') entries.delete(job.key);
  else parentPort?.postMessage(answer(job));
});

function answer(job: Exclude<DigestJob, { kind: 'forget' }>): LaneAnswer<RunningDigest | undefined> {
  try {
    if (job.kind === 'current') return { result: current(job.key) };
    extend(job.key, job.from, job.bytes);
    return { result: undefined };
  } catch (error) {
    // Nobody can tell how far the hash came: the caller starts anew.
    entries.delete(job.key);
    return { failure: failureOf(error) };
  }
}

function extend(key: string, from: number, bytes: LocalBytes): void {
  const entry = entries.get(key) ?? { hash: createHash('sha1'), length: 0 };
  if (entry.length !== from) throw new DigestOutOfStep(`the digest stands at byte ${entry.length}, not ${from}`);
  readPieces(bytes, (piece) => entry.hash.update(piece));
  entry.length += bytes.length;
  entries.set(key, entry);
}

function current(key: string): RunningDigest | undefined {
  const entry = entries.get(key);
  return entry && { sha1: entry.hash.copy().digest('hex') as Sha1, length: entry.length };
}
