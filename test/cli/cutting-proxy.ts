import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** The Range headers of the downloads that came, in their order. */
  ranges(): (string | undefined)[];
}

/** An HTTP proxy before a server that breaks every download off after so many bytes. */
export async function startCuttingProxy(server: { url: string }, bytes: number): Promise<CuttingProxy> {
  const ranges: (string | undefined)[] = [];
  const proxy = createServer((incoming, outgoing) => {
    const isDownload = /\/content(\?|$)/.test(incoming.url ?? '') && incoming.method === 'GET';
    if (isDownload) ranges.push(incoming.headers.range);
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url ?? '', server.url), { method, headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      let left = isDownload ? bytes : Number.POSITIVE_INFINITY;
      response.on('data', (chunk: Buffer) => {
        const some = chunk.subarray(0, left);
        left -= some.length;
        // What was passed on arrives; then the connection ends.
        outgoing.write(some, () => {
          if (left <= 0) outgoing.socket?.end();
        });
        if (left <= 0) response.destroy();
      });
      response.on('end', () => outgoing.end());
      response.on('error', () => {});
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
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
