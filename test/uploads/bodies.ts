import { PassThrough } from 'node:stream';
import type { PartBody } from '../../packages/server/src/uploads/part-locks.ts';

/** A body whose bytes arrive when the test sends them, as over a connection that may hang. */
export interface SlowBody extends PartBody {
  send(bytes: Uint8Array): void;
  end(): void;
  /** Whether the receiver has closed it. */
  readonly destroyed: boolean;
}

export function createSlowBody(): SlowBody {
  const stream = new PassThrough({ highWaterMark: 2 ** 20 });
  // Without this, an error that occurs when nothing reads the body any longer would end the test.
  stream.on('error', () => {});
  return {
    // A copy, because the store frees what it has written.
    send: (bytes) => stream.write(Buffer.from(bytes)),
    end: () => stream.end(),
    destroy: (reason) => stream.destroy(reason),
    get destroyed() {
      return stream.destroyed;
    },
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
  };
}
