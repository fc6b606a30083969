import script from 'inline-worker:./hash-worker.ts';
import { PendingHashes } from '../upload/pending-hashes.ts';
import { createTwoDigests } from './two-digests.ts';

/** Hashes one source part by part, in order. */
export interface Hasher {
  /** Resolves with the SHA-1 in hex of the next bytes. Rejects with a `NotReadableError` if the file has changed. */
  hashPart(bytes: Blob): Promise<string>;
  /** Resolves with the SHA-1 in hex of all bytes so far. No further calls are possible. */
  finish(): Promise<string>;
  close(): void;
}

/** Opens a hasher in a worker, or in the page itself if the content security policy does not allow `worker-src blob:`. */
export async function openHasher(): Promise<Hasher> {
  return (await createWorkerHasher()) ?? createInlineHasher();
}

async function createWorkerHasher(): Promise<Hasher | undefined> {
  const worker = await startWorker();
  if (worker === undefined) return undefined;
  const pending = new PendingHashes();
  worker.onmessage = ({ data: result }: MessageEvent<HashResult>) => {
    if ('sha1' in result) pending.settle(result.id, result);
    else
      pending.settle(result.id, { error: Object.assign(new Error(result.error.message), { name: result.error.name }) });
  };
  worker.onerror = ({ message }) => {
    pending.fail(new Error(`The hashing worker failed: ${message}`));
  };
  const post = (bytes: Blob | undefined) =>
    pending.request((id) => worker.postMessage({ id, bytes } satisfies HashJob));
  return { hashPart: (bytes) => post(bytes), finish: () => post(undefined), close: () => worker.terminate() };
}

/** Returns undefined if workers are not allowed. Some browsers then throw, others emit an error event. */
async function startWorker(): Promise<Worker | undefined> {
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  try {
    const worker = new Worker(url);
    const started = await new Promise<boolean>((resolve) => {
      worker.onmessage = () => resolve(true);
      worker.onerror = () => resolve(false);
      worker.postMessage({ id: 0, bytes: new Blob() } satisfies HashJob);
    });
    if (started) return worker;
    worker.terminate();
    return undefined;
  } catch {
    return undefined;
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function createInlineHasher(): Promise<Hasher> {
  const { hashPart, finish } = await createTwoDigests();
  return { hashPart, finish: async () => finish(), close() {} };
}

/** A job of the hash worker, which processes jobs in order: hash the next bytes or, without bytes, finish. */
export type HashJob = { id: number; bytes: Blob } | { id: number; bytes: undefined };

export type HashResult = { id: number; sha1: string } | { id: number; error: { name: string; message: string } };
