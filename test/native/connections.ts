import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A connection: the end of the client, and the other end, which Node.js neither reads nor writes. */
export interface Connection {
  client: Socket;
  socket: Socket;
  fd: number;
}

/** Opens connections for tests of jobs that receive and send. */
export async function openConnections() {
  const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    async open(): Promise<Connection> {
      const client = connect({
        port: (listener.address() as AddressInfo).port,
        host: '127.0.0.1',
        allowHalfOpen: true,
      });
      client.on('error', () => {});
      const [socket] = (await once(listener, 'connection')) as [Socket];
      socket.on('error', () => {});
      const { _handle: handle } = socket as unknown as { _handle: { fd: number } };
      return { client, socket, fd: handle.fd };
    },
    close: () => listener.close(),
  };
}

export function close({ client, socket }: Connection): void {
  client.destroy();
  socket.destroy();
}
