import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A line to a server that can be broken from outside. */
export interface TcpLine extends AsyncDisposable {
  port: number;
  /** Resets every connection; new ones go through. */
  cut(): void;
  /** From now on nothing passes in either direction and nobody is told, as when a cable is pulled; new ones go through. */
  freeze(): void;
}

/** Stands before `port` of 127.0.0.1. */
export async function tcpLine(port: number): Promise<TcpLine> {
  const pairs = new Set<[Socket, Socket]>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    for (const [from, to] of [pair, pair.toReversed() as typeof pair]) {
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut() {
      for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    },
    freeze() {
      for (const [client, upstream] of pairs) {
        for (const socket of [client, upstream]) {
          socket.unpipe();
          // Read on and thrown away, or the ends would notice that nobody takes what they send.
          socket.resume();
        }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
