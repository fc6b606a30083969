import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { CLIENT_BUNDLE, inlineWorkers } from '../../scripts/bundle-client.ts';

const PAGE = fileURLToPath(new URL('./page/page.ts', import.meta.url));
const HTML =
  '<!doctype html><title>Upload</title><input id="file" type="file"><script type="module" src="/page.js"></script>';

export interface PageServer extends AsyncDisposable {
  /** The URL of the page; `/strict` is the same page with a content security policy that forbids workers. */
  url: string;
}

/** Serves the page with the client, on another origin than the server's. */
export async function startPageServer(): Promise<PageServer> {
  const { outputFiles } = await build({
    ...CLIENT_BUNDLE,
    entryPoints: [PAGE],
    plugins: [inlineWorkers],
    write: false,
  });
  const script = outputFiles[0]?.text ?? '';
  const server = createServer(({ url }, response) => {
    if (url === '/page.js') return response.setHeader('content-type', 'text/javascript').end(script);
    response.setHeader('content-type', 'text/html');
    if (url === '/strict') {
      response.setHeader('content-security-policy', "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'");
    }
    return response.end(HTML);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
