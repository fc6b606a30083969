import { buildClient, type Client, type ClientOptions } from '../client.ts';
import { fetchTransport } from '../fetch-transport.ts';
import type { StateStore } from '../state.ts';
import { uploadFile } from '../upload/upload-file.ts';
import { type BrowserSource, createSource } from './browser-source.ts';
import { openHasher } from './hasher.ts';
import { indexedDbStateStore } from './indexed-db-state-store.ts';
import { xhrTransport } from './xhr-transport.ts';

export * from '../public.ts';
export type { BrowserSource } from './browser-source.ts';
export { indexedDbStateStore } from './indexed-db-state-store.ts';
export { localStorageStateStore } from './local-storage-state-store.ts';

export type BrowserClient = Client<BrowserSource>;

/**
 * Creates a client for a Partway server or Box, for pages and workers. By default, upload states are saved in IndexedDB: an
 * upload resumes after a page refresh when the user chooses the same file again.
 */
export function createClient(options: ClientOptions): BrowserClient {
  const { fetch, store = defaultStore() } = options;
  return buildClient(options, {
    transport: fetch === undefined ? xhrTransport() : fetchTransport(fetch),
    store: store === false ? undefined : store,
    async uploadFile(client, source, uploadOptions) {
      return uploadFile(client, createSource(source, uploadOptions), uploadOptions, computeSha1);
    },
  });
}

function defaultStore(): StateStore | false {
  return typeof indexedDB === 'undefined' ? false : indexedDbStateStore();
}

async function computeSha1(bytes: Uint8Array | Blob): Promise<string> {
  const hasher = await openHasher();
  try {
    return await hasher.hashPart(bytes instanceof Blob ? bytes : new Blob([bytes as Uint8Array<ArrayBuffer>]));
  } finally {
    hasher.close();
  }
}
