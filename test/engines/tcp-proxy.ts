import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy whose connections can be broken from outside. */
export interface TcpProxy extends AsyncDisposable {
  port: number;
  /** Resets all connections; new ones work. */
  cut(): void;
  /**
   * From now on, nothing passes through existing connections in either direction without an error, as if a cable were
   * unplugged; new ones work.
   */
  freeze(): void;
}

/** Starts a proxy in front of a port of 127.0.0.1. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
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
          // Reads and discards the data, because otherwise the ends would notice that it is not received.
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
