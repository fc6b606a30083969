import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface ConnectProxy extends AsyncDisposable {
  readonly url: string;
  /** Requested hosts that do not lead to the server; empty if a client connects only to Box. */
  readonly strangers: readonly string[];
  /** Bytes through the tunnels in both directions. */
  readonly carried: number;
}

/** Starts a CONNECT proxy on a free port of 127.0.0.1 that leads Box's hosts to `port` and rejects others. */
export async function startConnectProxy(port: number, hosts: readonly string[]): Promise<ConnectProxy> {
  const strangers: string[] = [];
  const sockets = new Set<Socket>();
  let carriedBefore = 0;
  const proxy = createServer((_request, response) => response.writeHead(405).end());
  proxy.on('connect', (request, client: Socket) => {
    // A client that disconnects closes its tunnel.
    client.on('error', () => client.destroy());
    sockets.add(client);
    client.once('close', () => {
      sockets.delete(client);
      carriedBefore += client.bytesRead + client.bytesWritten;
    });
    if (!hosts.includes(String(request.url))) {
      strangers.push(String(request.url));
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const server = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    server.once('close', () => client.destroy());
    client.once('close', () => server.destroy());
    server.on('error', () => client.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    strangers,
    get carried() {
      return [...sockets].reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, carriedBefore);
    },
    async [Symbol.asyncDispose]() {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
