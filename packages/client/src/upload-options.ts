import type { FileObject } from '@partway/protocol/schemas/files';
import type { StateStore } from './state.ts';

/** What to do if the name is taken: fail with 409, use the next free name, or upload a new version of that file. */
export type ConflictPolicy = 'fail' | 'rename' | 'version';

export interface UploadOptions {
  /** The file's name on the server. Default: the name of the path or File. */
  name?: string | undefined;
  /** The ID of the folder. Default: "0", the root folder. */
  folderId?: string | undefined;
  /** Instead of `folderId`: the ID of a file that gets a new version. */
  fileId?: string | undefined;
  /** With `fileId`: the etag that the file must still have; otherwise 412. */
  ifMatch?: string | undefined;
  /** Default: "fail". */
  conflict?: ConflictPolicy | undefined;
  /**
   * Returns the item that has a name in the folder, as far as the caller knows. A conflict with it is then detected without
   * sending anything. Conflicts with other files are still detected by the server.
   */
  whatHas?: ((name: string) => { type: 'file' | 'folder'; id: string } | undefined) | undefined;
  /** The size in bytes; required for a stream, and only used for one. */
  size?: number | undefined;
  /** Maximum number of concurrent requests, 1 to 8. Default: 8. The actual number is adjusted to the connection. */
  parallel?: number | undefined;
  /** Memory for parts in progress, in bytes. Default: 128 MiB. One part of a stream is always kept in memory. */
  memory?: number | undefined;
  /** Where the state for resuming is saved; false for nowhere. Default: the client's store. */
  store?: StateStore | false | undefined;
  /** Stops the upload. It can be resumed, unless `abortSession` is set. */
  signal?: AbortSignal | undefined;
  /** When `signal` stops the upload, also delete its stored parts. */
  abortSession?: boolean | undefined;
  /** How long to retry without any progress before giving up, in milliseconds. Default: 5 minutes. */
  patience?: number | undefined;
  /** Smaller files are uploaded in one request. In bytes. Default: 20,000,000, Box's minimum for a session. */
  sessionFrom?: number | undefined;
  /** Dates of the content, shown by the server. Default for `contentModifiedAt`: that of the path or File. */
  contentCreatedAt?: Date | undefined;
  contentModifiedAt?: Date | undefined;
  description?: string | undefined;
  onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** Interval at which `onProgress` is called, in milliseconds. Default: 200. */
  progressInterval?: number | undefined;
  onEvent?: ((event: UploadEvent) => void) | undefined;
}

export interface UploadResult {
  /** The file as the server returned it. */
  file: FileObject;
  /** The SHA-1 of the whole file in hex, computed by the client and verified by the server. */
  sha1: string;
  /** Bytes that were sent, including those that were sent again. */
  bytesSent: number;
  /** Bytes that were already stored by an earlier run. */
  bytesResumed: number;
  /** Milliseconds. */
  duration: number;
  /** The session; undefined if the file was uploaded in one request. */
  sessionId: string | undefined;
}

/** What happens during an upload, besides progress. `message` is a sentence for people. */
export type UploadEvent = { message: string } & (
  | { type: 'session-created'; sessionId: string; partSize: number; totalParts: number; expiresAt: string }
  | { type: 'resumed'; sessionId: string; bytesStored: number; partsStored: number }
  | { type: 'restarted'; reason: RestartReason }
  | { type: 'renamed'; from: string; to: string }
  | {
      type: 'retrying';
      what: 'part' | 'commit' | 'session';
      offset?: number;
      waitMillis: number;
      error: unknown;
      /** Number of the outage, from 1. All concurrent requests that fail belong to the same outage, until one succeeds. */
      outage: number;
    }
  | { type: 'parallel'; parallel: number }
  /** Servers refuse the source's modification time, so the file is uploaded without one. */
  | { type: 'date-left-out' }
  /** The state could not be saved or read. The upload continues, but cannot be resumed. */
  | { type: 'not-kept'; error: unknown }
  /** Emitted before the error is thrown. `resumable`: whether the same call would resume from here. */
  | { type: 'stopped'; resumable: boolean; sessionId: string | undefined; bytesStored: number; error: unknown }
);

export type RestartReason =
  /** The source's size, modification time or bytes differ from those of the stored parts. */
  | 'source-changed'
  /** The server no longer has the session. */
  | 'session-gone'
  /** The name was free when the session started, and taken when it was committed. */
  | 'name-taken';

/** `stored`: by an earlier run. `failed`: will be sent again. */
export type PartState = 'queued' | 'sending' | 'sent' | 'failed' | 'stored';

export interface PartProgress {
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  state: PartState;
  /** Bytes sent in the current attempt. */
  sent: number;
  /** Number of attempts so far. */
  tries: number;
}

export interface UploadProgress {
  /** `hashing`: reading parts that are already stored. `committing`: everything is sent, and the server creates the file. */
  phase: 'starting' | 'hashing' | 'sending' | 'committing' | 'done';
  bytesTotal: number;
  /** Bytes of stored parts, including those of earlier runs. */
  bytesStored: number;
  /** `bytesStored` plus the bytes sent of parts in progress. */
  bytesDone: number;
  /** Over the last few seconds; undefined until it is known. */
  bytesPerSecond: number | undefined;
  secondsLeft: number | undefined;
  /** Current limit of concurrent requests. */
  parallel: number;
  /** Ordered by offset. The array is live: it always shows the current state. Empty if the file is uploaded in one request. */
  parts: readonly PartProgress[];
}
