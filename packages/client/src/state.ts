import type { SessionEndpoints } from '@partway/protocol/schemas/upload-sessions';

/**
 * The saved state of an upload in progress, so that it can be resumed after its process or page has ended. It is plain
 * JSON. It does not list the stored parts: the server knows them, with the digest of each.
 */
export interface UploadState {
  version: 1;
  /** The key in the store, made of server, target and source, so that the same upload finds it again. */
  key: string;
  /** The server's API base. */
  server: string;
  /** The target as the caller requested it. */
  target: { folderId: string; name: string } | { fileId: string };
  /** What is uploaded. If the size or modification time differs, the content has changed. */
  source: SourceIdentity;
  session: {
    id: string;
    partSize: number;
    totalParts: number;
    /** RFC 3339 */
    expiresAt: string;
    endpoints: SessionEndpoints;
    /** The name that the file will have. It differs from the requested one after `conflict: 'rename'`. */
    name: string;
    /** The file that gets a new version, if any. */
    fileId?: string;
  };
  /** The SHA-1 of the whole file in hex. If it is set, a commit is in progress, or its response was lost. */
  sha1?: string;
  /** RFC 3339 */
  startedAt: string;
}

/** Identifies the content of a source without reading it. */
export interface SourceIdentity {
  kind: 'path' | 'file' | 'blob' | 'bytes' | 'stream';
  /** The absolute path, or the name. */
  name: string;
  /** Bytes. */
  size: number;
  /** Modification time in milliseconds since 1970, if known. */
  modifiedAt?: number;
}

/** Stores upload states. A state is smaller than 2 KiB and is written twice per upload. */
export interface StateStore {
  get(key: string): Promise<UploadState | undefined>;
  set(state: UploadState): Promise<void>;
  delete(key: string): Promise<void>;
  list(): Promise<UploadState[]>;
}

/** Keeps states in memory: uploads can be resumed after a lost connection or an abort, but not after a crash. */
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
