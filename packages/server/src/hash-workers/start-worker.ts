import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Starts a worker that lies in this folder: TypeScript in a checkout, JavaScript in a build. */
export function startWorker(name: 'native-worker' | 'resumable-worker'): Worker {
  return new Worker(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url), {
    name,
    // Not those of the process: its entry and its input are none of the worker's.
    execArgv: [],
    // It keeps a hash state of about a kilobyte a key, and one buffer, which lies outside the heap.
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
}
