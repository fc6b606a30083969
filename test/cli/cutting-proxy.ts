import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** The Range headers of the downloads, in order. */
  ranges(): (string | undefined)[];
}

/** Starts an HTTP proxy in front of a server that cuts every download off after this many bytes. */
export async function startCuttingProxy(server: { url: string }, bytes: number): Promise<CuttingProxy> {
  const ranges: (string | undefined)[] = [];
  const proxy = createServer((incoming, outgoing) => {
    const isDownload = /\/content(\?|$)/.test(incoming.url ?? '') && incoming.method === 'GET';
    if (isDownload) ranges.push(incoming.headers.range);
    const { method, headers } = incoming;
    const forwarded = request(new URL(incoming.url ?? '', server.url), { method, headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      let left = isDownload ? bytes : Number.POSITIVE_INFINITY;
      response.on('data', (chunk: Buffer) => {
        const some = chunk.subarray(0, left);
        left -= some.length;
        // These bytes arrive before the connection ends.
        outgoing.write(some, () => {
          if (left <= 0) outgoing.socket?.end();
        });
        if (left <= 0) response.destroy();
      });
      response.on('end', () => outgoing.end());
      response.on('error', () => {});
    });
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    ranges: () => ranges,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
