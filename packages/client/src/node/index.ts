import { createHash } from 'node:crypto';
import { buildClient, type Client, type ClientOptions } from '../client.ts';
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
 * Creates a client for a Partway server or Box. By default, requests use `node:http` with keep-alive connections, and upload
 * states are files in the user's state folder.
 */
export function createClient(options: ClientOptions & NodeTransportOptions): NodeClient {
  const { fetch, store = fileStateStore() } = options;
  const memory = new PartMemory();
  return buildClient(options, {
    transport: fetch === undefined ? nodeTransport(options) : fetchTransport(fetch),
    store: store === false ? undefined : store,
    async uploadFile(client, source, uploadOptions) {
      return uploadFile(client, await createSource(source, uploadOptions, memory), uploadOptions, computeSha1);
    },
  });
}

async function computeSha1(bytes: Uint8Array | Blob): Promise<string> {
  const hash = createHash('sha1');
  if (bytes instanceof Uint8Array) hash.update(bytes);
  else for await (const chunk of bytes.stream()) hash.update(chunk);
  return hash.digest('hex');
}
