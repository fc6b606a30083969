import { createHash } from 'node:crypto';
import { type Client, type ClientOptions, makeClient } from '../client.ts';
import { fetchTransport } from '../fetch-transport.ts';
import { uploadFile } from '../upload/upload-file.ts';
import { fileStateStore } from './file-state-store.ts';
import { type NodeTransportOptions, nodeTransport } from './node-transport.ts';
import { PartMemory } from './part-memory.ts';
import { createSource, type NodeSource } from './source.ts';

export * from '../public.ts';
export { defaultStateFolder, fileStateStore } from './file-state-store.ts';
export type { NodeSource } from './source.ts';

export type NodeClient = Client<NodeSource>;

/**
 * A client of a Partway server or of Box. Requests go by `node:http` with kept connections, unless `fetch` is given; states
 * of uploads are files in the user's state folder, unless `store` says otherwise.
 */
export function createClient(options: ClientOptions & NodeTransportOptions): NodeClient {
  const { fetch, store = fileStateStore() } = options;
  const memory = new PartMemory();
  return makeClient(options, {
    transport: fetch === undefined ? nodeTransport(options) : fetchTransport(fetch),
    store: store === false ? undefined : store,
    async uploadFile(client, source, given) {
      return uploadFile(client, await createSource(source, given, memory), given, sha1Of);
    },
  });
}

async function sha1Of(bytes: Uint8Array | Blob): Promise<string> {
  const hash = createHash('sha1');
  if (bytes instanceof Uint8Array) hash.update(bytes);
  else for await (const chunk of bytes.stream()) hash.update(chunk);
  return hash.digest('hex');
}
