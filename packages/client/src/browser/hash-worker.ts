import type { HashAnswer, HashJob } from './hasher.ts';
import { twoDigests } from './two-digests.ts';

// Runs in a web worker, so that a page stays quick while its files are hashed.

/** The worker's global scope, of which the DOM's types know nothing. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<HashJob>) => void) | null;
  postMessage(answer: HashAnswer): void;
}

const scope = globalThis as unknown as WorkerScope;
const digests = twoDigests();
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data: job }) => {
  last = last.then(() => answer(job)).then((answered) => scope.postMessage(answered));
};

async function answer({ id, bytes }: HashJob): Promise<HashAnswer> {
  try {
    const { part, whole } = await digests;
    return { id, sha1: bytes === undefined ? whole() : await part(bytes) };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    return { id, error: { name, message } };
  }
}
