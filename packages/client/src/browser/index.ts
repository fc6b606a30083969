import { type Client, type ClientOptions, makeClient } from '../client.ts';
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
 * A client of a Partway server or of Box, for pages and workers. States of uploads are kept in IndexedDB, unless `store` says
 * otherwise, so that an upload goes on after a refresh once its file is chosen again.
 */
export function createClient(options: ClientOptions): BrowserClient {
  const { fetch, store = defaultStore() } = options;
  return makeClient(options, {
    transport: fetch === undefined ? xhrTransport() : fetchTransport(fetch),
    store: store === false ? undefined : store,
    async uploadFile(client, source, given) {
      return uploadFile(client, createSource(source, given), given, sha1Of);
    },
  });
}

function defaultStore(): StateStore | false {
  return typeof indexedDB === 'undefined' ? false : indexedDbStateStore();
}

async function sha1Of(bytes: Uint8Array | Blob): Promise<string> {
  const hasher = await openHasher();
  try {
    return await hasher.part(bytes instanceof Blob ? bytes : new Blob([bytes as Uint8Array<ArrayBuffer>]));
  } finally {
    hasher.close();
  }
}
