import type { StateStore, UploadState } from '../state.ts';

const STATES = 'uploads';

/**
 * Saves states in an IndexedDB database of the page's origin, so that they survive a refresh or a restart of the browser.
 * `list` deletes states whose sessions have expired.
 */
export function indexedDbStateStore(database = 'partway'): StateStore {
  let opening: Promise<IDBDatabase> | undefined;

  async function transact<T>(mode: IDBTransactionMode, run: (states: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    opening ??= open(database);
    const db = await opening.catch((error) => {
      opening = undefined;
      throw error;
    });
    const transaction = db.transaction(STATES, mode);
    const request = run(transaction.objectStore(STATES));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    return request.result;
  }

  const store: StateStore = {
    get: (key) => transact('readonly', (states) => states.get(key) as IDBRequest<UploadState | undefined>),
    async set(state) {
      await transact('readwrite', (states) => states.put(state));
    },
    async delete(key) {
      await transact('readwrite', (states) => states.delete(key));
    },
    async list() {
      const all = await transact('readonly', (states) => states.getAll() as IDBRequest<UploadState[]>);
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
      // Do not block another page that deletes or upgrades the database.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
  });
}
