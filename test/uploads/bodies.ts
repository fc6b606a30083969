import { PassThrough } from 'node:stream';
import type { PartBody } from '../../packages/server/src/uploads/part-locks.ts';

/** A body whose bytes come when the test sends them, as over a connection that may hang. */
export interface SlowBody extends PartBody {
  send(bytes: Uint8Array): void;
  end(): void;
  /** Whether the receiver has hung up. */
  readonly destroyed: boolean;
}

export function slowBody(): SlowBody {
  const stream = new PassThrough({ highWaterMark: 2 ** 20 });
  // Without this, an error that comes when nobody reads any more would end the test.
  stream.on('error', () => {});
  return {
    // A copy, since the store frees what it has written.
    send: (bytes) => stream.write(Buffer.from(bytes)),
    end: () => stream.end(),
    destroy: (reason) => stream.destroy(reason),
    get destroyed() {
      return stream.destroyed;
    },
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
  };
}
