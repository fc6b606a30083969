import assert from 'node:assert/strict';
import { startFaultProxy } from '../client/fault-proxy.ts';
import type { Place } from './place.ts';
import type { Ended, RunOptions } from './run.ts';

/**
 * Runs an upload that is killed once its twelfth part is on the way, and gives how it is run again: at the same address, which
 * is what its state is kept under.
 */
export async function killedUpload(place: Place, args: readonly string[], input?: Uint8Array) {
  let parts = 0;
  const proxy = await startFaultProxy(place.server, ({ method }) => {
    if (method !== 'PUT') return undefined;
    parts += 1;
    if (parts === 12) running.child.kill('SIGKILL');
    return undefined;
  });
  const options = (bytes: Uint8Array | undefined): RunOptions => ({
    env: { PARTWAY_SERVER: proxy.url },
    ...(bytes !== undefined && { input: bytes }),
  });
  const running = place.start(args, options(input));
  assert.equal((await running.ended).signal, 'SIGKILL');
  return {
    again: (bytes?: Uint8Array): Promise<Ended> => place.run(args, options(bytes)),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
