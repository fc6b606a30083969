import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A simulated network connection. */
export interface LineOptions {
  /** The port on 127.0.0.1 that it leads to. */
  port: number;
  /** The round-trip time in milliseconds. */
  rtt: number;
  /** The number of bytes in flight per connection, so also the number that it transfers per `rtt`. */
  window: number;
}

/**
 * Simulates a long connection: every byte arrives half an `rtt` later, and each connection has a window, as in TCP, which
 * limits its throughput. Loses nothing, and does not limit the total throughput.
 */
export async function openLine({ port, rtt, window }: LineOptions): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
      sockets.add(socket);
      // If one end breaks, so does the other.
      socket.on('error', () => other.destroy());
      socket.once('close', () => sockets.delete(socket));
      carry(socket, other, { delay: rtt / 2, window });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function carry(from: Socket, to: Socket, { delay, window }: { delay: number; window: number }): void {
  let underWay = 0;
  from.on('data', (chunk) => {
    underWay += chunk.length;
    if (underWay >= window) from.pause();
    setTimeout(() => to.write(chunk), delay);
    setTimeout(() => {
      underWay -= chunk.length;
      if (underWay < window) from.resume();
    }, 2 * delay);
  });
  from.once('end', () => setTimeout(() => to.end(), delay));
}
