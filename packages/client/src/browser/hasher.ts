import script from 'inline-worker:./hash-worker.ts';
import { twoDigests } from './two-digests.ts';

/** Hashes one source, part by part, in the order of its bytes. */
export interface Hasher {
  /** The SHA-1 in hex of the next bytes. Rejects with a `NotReadableError` where the file has changed. */
  part(bytes: Blob): Promise<string>;
  whole(): Promise<string>;
  close(): void;
}

/** In a worker where the page may have one; in the page itself where its content policy forbids `worker-src blob:`. */
export async function openHasher(): Promise<Hasher> {
  return (await workerHasher()) ?? hereHasher();
}

async function workerHasher(): Promise<Hasher | undefined> {
  const worker = await startWorker();
  if (worker === undefined) return undefined;
  const waiting = new Map<number, { resolve(sha1: string): void; reject(error: unknown): void }>();
  let jobs = 0;
  worker.onmessage = ({ data: answer }: MessageEvent<HashAnswer>) => {
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('sha1' in answer) waiter?.resolve(answer.sha1);
    else waiter?.reject(Object.assign(new Error(answer.error.message), { name: answer.error.name }));
  };
  worker.onerror = ({ message }) => {
    for (const waiter of waiting.values()) waiter.reject(new Error(`The worker that hashes failed: ${message}`));
    waiting.clear();
  };
  const ask = (bytes: Blob | undefined) =>
    new Promise<string>((resolve, reject) => {
      jobs += 1;
      waiting.set(jobs, { resolve, reject });
      worker.postMessage({ id: jobs, bytes } satisfies HashJob);
    });
  return { part: (bytes) => ask(bytes), whole: () => ask(undefined), close: () => worker.terminate() };
}

/** Undefined where the page may have none, which some browsers tell at once and some by an event. */
async function startWorker(): Promise<Worker | undefined> {
  const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  try {
    const worker = new Worker(address);
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
    URL.revokeObjectURL(address);
  }
}

async function hereHasher(): Promise<Hasher> {
  const { part, whole } = await twoDigests();
  return { part, whole: async () => whole(), close() {} };
}

/** What is asked of the hash worker, and what it answers; one after the other. */
export type HashJob = { id: number; bytes: Blob } | { id: number; bytes: undefined };

export type HashAnswer = { id: number; sha1: string } | { id: number; error: { name: string; message: string } };
