import type { Sha1State } from '@partway/native/native';
import type { Sha1 } from '@partway/protocol/ids';
import { createSHA1, type IHasher } from 'hash-wasm';
import { serveRequests } from '../util/worker-client.ts';
import { toFailure } from './errors.ts';
import { decodeState, encodeState, type HashState } from './hash-state.ts';
import { readFileChunks } from './read-file.ts';
import type { ResumableHashJob } from './resumable-pool.ts';
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
  return load(state).digest('hex') as Sha1;
}

function extend(state: HashState | undefined, bytes: (ResumableHashJob & { kind: 'extend' })['bytes']): HashState {
  const hash = load(state);
  if (bytes instanceof Uint8Array) hash.update(bytes);
  else readFileChunks(bytes, (chunk) => hash.update(chunk));
  return encodeState(parse(hash.save()));
}

// What hash-wasm saves: 4 bytes that identify its build, the words, the number of bits, and the last block (little-endian).
const WORDS_OFFSET = 4;
const BITS_OFFSET = 24;
const TAIL_OFFSET = 32;

function load(state: HashState | undefined): IHasher {
  const hash = hasher.init();
  if (state === undefined) return hash;
  const { words, length, tail } = decodeState(state);
  const saved = Buffer.from(hash.save());
  for (const [index, word] of words.entries()) saved.writeUInt32LE(word, WORDS_OFFSET + 4 * index);
  saved.writeBigUInt64LE(8n * length, BITS_OFFSET);
  saved.set(tail, TAIL_OFFSET);
  return hash.load(saved);
}

function parse(bytes: Uint8Array): Sha1State {
  const saved = Buffer.from(bytes);
  return {
    words: Uint32Array.from({ length: 5 }, (_, index) => saved.readUInt32LE(WORDS_OFFSET + 4 * index)),
    length: saved.readBigUInt64LE(BITS_OFFSET) / 8n,
    tail: saved.subarray(TAIL_OFFSET),
  };
}
