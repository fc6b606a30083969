import assert from 'node:assert/strict';
import { startFaultProxy } from '../client/fault-proxy.ts';
import type { CliFixture } from './cli-fixture.ts';
import type { CommandResult, RunOptions } from './run.ts';

/**
 * Runs an upload that is killed while its twelfth part is being sent, and returns a function that runs it again. Both
 * use the same server address, because the local upload state is stored per address.
 */
export async function killedUpload(place: CliFixture, args: readonly string[], input?: Uint8Array) {
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
    again: (bytes?: Uint8Array): Promise<CommandResult> => place.run(args, options(bytes)),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
