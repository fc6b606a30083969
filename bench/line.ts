import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A line of a certain length. */
export interface LineOptions {
  /** Where it leads to, on 127.0.0.1. */
  port: number;
  /** There and back, in milliseconds. */
  rtt: number;
  /** Bytes that one connection may have under way before it hears of the first; so it carries so many in an `rtt`. */
  window: number;
}

/**
 * A long line: every byte arrives half an `rtt` later, and each connection has a window as TCP has, so that one alone
 * cannot fill the line. Loses nothing and is as wide as there are connections.
 */
export async function openLine({ port, rtt, window }: LineOptions): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
      sockets.add(socket);
      // One that breaks takes the other end along.
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
