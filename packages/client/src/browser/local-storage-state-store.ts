import type { StateStore, UploadState } from '../state.ts';

/** Saves states in `localStorage` or `sessionStorage`. `prefix` precedes each key. */
export function localStorageStateStore(storage: Storage = localStorage, prefix = 'partway:'): StateStore {
  const store: StateStore = {
    get: async (key) => parse(storage.getItem(prefix + key)),
    async set(state) {
      storage.setItem(prefix + state.key, JSON.stringify(state));
    },
    async delete(key) {
      storage.removeItem(prefix + key);
    },
    async list() {
      const states: UploadState[] = [];
      for (const name of Object.keys(storage)) {
        const state = name.startsWith(prefix) ? parse(storage.getItem(name)) : undefined;
        if (state === undefined) continue;
        if (Date.parse(state.session.expiresAt) > Date.now()) states.push(state);
        else storage.removeItem(name);
      }
      return states;
    },
  };
  return store;
}

function parse(text: string | null): UploadState | undefined {
  try {
    const state = JSON.parse(text ?? 'null') as UploadState | null;
    return state?.version === 1 ? state : undefined;
  } catch {
    return undefined;
  }
}
