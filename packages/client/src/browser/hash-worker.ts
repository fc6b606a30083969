import type { HashJob, HashResult } from './hasher.ts';
import { createTwoDigests } from './two-digests.ts';

// Runs in a web worker, so that the page stays responsive while files are hashed.

/** The worker's global scope, which the DOM types do not describe. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<HashJob>) => void) | null;
  postMessage(result: HashResult): void;
}

const scope = globalThis as unknown as WorkerScope;
const digests = createTwoDigests();
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data: job }) => {
  last = last.then(() => runJob(job)).then((result) => scope.postMessage(result));
};

async function runJob({ id, bytes }: HashJob): Promise<HashResult> {
  try {
    const { hashPart, finish } = await digests;
    return { id, sha1: bytes === undefined ? finish() : await hashPart(bytes) };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    return { id, error: { name, message } };
  }
}
