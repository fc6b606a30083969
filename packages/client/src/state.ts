import type { SessionEndpoints } from '@partway/protocol/schemas/upload-sessions';

/**
 * What is kept of an upload under way, so that it goes on after its process or page has died. Plain JSON. Which parts are
 * stored is not in it: the server knows, with the digest of each, and is asked.
 */
export interface UploadState {
  version: 1;
  /** Under which a store has it: server, target and source, so that the same upload finds it again. */
  key: string;
  /** The server's API base. */
  server: string;
  /** Where the file goes, as it was asked for. */
  target: { folderId: string; name: string } | { fileId: string };
  /** What is uploaded. Another size or time of change means another content. */
  source: SourceIdentity;
  session: {
    id: string;
    partSize: number;
    totalParts: number;
    /** RFC 3339 */
    expiresAt: string;
    endpoints: SessionEndpoints;
    /** The name that the file will have, which is another one than asked for after `conflict: 'rename'`. */
    name: string;
    /** The file that gets a new version, where it does. */
    fileId?: string;
  };
  /** The SHA-1 of the whole in hex, once it is known: a commit is under way, or its answer was lost. */
  sha1?: string;
  /** RFC 3339 */
  startedAt: string;
}

/** What tells one content from another without reading it. */
export interface SourceIdentity {
  kind: 'path' | 'file' | 'blob' | 'bytes' | 'stream';
  /** The absolute path, or the name. */
  name: string;
  /** Bytes. */
  size: number;
  /** When it was last changed, in milliseconds since 1970, where that is known. */
  modifiedAt?: number;
}

/** Where states of uploads are kept. A state is small (under 2 KiB) and written twice an upload. */
export interface StateStore {
  get(key: string): Promise<UploadState | undefined>;
  set(state: UploadState): Promise<void>;
  delete(key: string): Promise<void>;
  list(): Promise<UploadState[]>;
}

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
