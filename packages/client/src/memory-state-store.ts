import type { StateStore, UploadState } from './state.ts';

/** Keeps states as long as it lives itself: resumes after broken connections and cancels, not after a crash. */
export function memoryStateStore(): StateStore {
  const states = new Map<string, UploadState>();
  return {
    get: async (key) => states.get(key),
    async set(state) {
      states.set(state.key, state);
    },
    async delete(key) {
      states.delete(key);
    },
    list: async () => [...states.values()],
  };
}
