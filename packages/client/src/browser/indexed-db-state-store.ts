import type { StateStore, UploadState } from '../state.ts';

const STATES = 'uploads';

/**
 * Keeps states in an IndexedDB database of the page's origin: they outlive a refresh and the browser. States whose sessions
 * have expired are removed when they are listed.
 */
export function indexedDbStateStore(database = 'partway'): StateStore {
  let opening: Promise<IDBDatabase> | undefined;

  async function within<T>(mode: IDBTransactionMode, act: (states: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    opening ??= open(database);
    const db = await opening.catch((error) => {
      opening = undefined;
      throw error;
    });
    const transaction = db.transaction(STATES, mode);
    const request = act(transaction.objectStore(STATES));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    return request.result;
  }

  const store: StateStore = {
    get: (key) => within('readonly', (states) => states.get(key) as IDBRequest<UploadState | undefined>),
    async set(state) {
      await within('readwrite', (states) => states.put(state));
    },
    async delete(key) {
      await within('readwrite', (states) => states.delete(key));
    },
    async list() {
      const all = await within('readonly', (states) => states.getAll() as IDBRequest<UploadState[]>);
      const isLive = ({ session }: UploadState) => Date.parse(session.expiresAt) > Date.now();
      for (const { key } of all.filter((state) => !isLive(state))) await store.delete(key);
      return all.filter(isLive);
    },
  };
  return store;
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STATES, { keyPath: 'key' });
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      // Whoever deletes the database or brings a later version of it is not to wait for us.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
  });
}
