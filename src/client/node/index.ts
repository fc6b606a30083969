import { type Client, type ClientOptions, makeClient } from '../client.ts';
import { fetchTransport } from '../fetch-transport.ts';
import { fileStateStore } from './file-state-store.ts';
import { type NodeTransportOptions, nodeTransport } from './node-transport.ts';
import type { NodeSource } from './source-input.ts';

export * from '../public.ts';
export { defaultStateFolder, fileStateStore } from './file-state-store.ts';
export type { NodeSource } from './source-input.ts';

export type NodeClient = Client<NodeSource>;

/**
 * A client of a Partway server or of Box. Requests go by `node:http` with kept connections, unless `fetch` is given; states
 * of uploads are files in the user's state folder, unless `store` says otherwise.
 */
export function createClient(options: ClientOptions & NodeTransportOptions): NodeClient {
  const { fetch, store = fileStateStore() } = options;
  return makeClient(options, {
    transport: fetch === undefined ? nodeTransport(options) : fetchTransport(fetch),
    store: store === false ? undefined : store,
    uploadFile: async () => {
      throw new Error('not yet');
    },
  });
}
