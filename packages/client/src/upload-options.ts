import type { FileObject } from '@partway/protocol/schemas/files';
import type { StateStore } from './state.ts';

/** What is done where the name is taken: give up with 409, take the next free name, or make a new version of that file. */
export type ConflictPolicy = 'fail' | 'rename' | 'version';

export interface UploadOptions {
  /** The file's name on the server; that of the path or File unless set. */
  name?: string | undefined;
  /** The folder it goes into; the root folder, "0", unless set. */
  folderId?: string | undefined;
  /** The file that gets a new version, instead of a folder. */
  fileId?: string | undefined;
  /** With `fileId`: only if the file still has this etag; otherwise 412. */
  ifMatch?: string | undefined;
  /** "fail" unless set. */
  conflict?: ConflictPolicy | undefined;
  /**
   * What has a name in the folder, as far as the caller knows: such a name is taken without sending anything. A file that
   * got there since is met all the same.
   */
  whatHas?: ((name: string) => { type: 'file' | 'folder'; id: string } | undefined) | undefined;
  /** How many bytes come; only a stream needs it. */
  size?: number | undefined;
  /** At most so many requests at a time, 1 to 8; 8 unless set. How many there are follows what the line gives. */
  parallel?: number | undefined;
  /** How much memory parts on their way may take, in bytes; 128 MiB unless set. One part of a stream is always held. */
  memory?: number | undefined;
  /** Where the state for resuming is kept; the client's store unless set, and false for none. */
  store?: StateStore | false | undefined;
  /** Stops the upload. It can be resumed, unless `abortSession` is set. */
  signal?: AbortSignal | undefined;
  /** With `signal`: also delete on the server what was stored. */
  abortSession?: boolean | undefined;
  /** How long nothing may get on before the upload gives up, in milliseconds; 5 minutes unless set. */
  patience?: number | undefined;
  /** Files below this go in one piece; 20,000,000 bytes unless set, which is the least that a session takes. */
  sessionFrom?: number | undefined;
  /** Dates of the content, shown by the server; of a path or File its time of change unless set. */
  contentCreatedAt?: Date | undefined;
  contentModifiedAt?: Date | undefined;
  description?: string | undefined;
  onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** How often `onProgress` is called at most, in milliseconds; 200 unless set. */
  progressInterval?: number | undefined;
  onEvent?: ((event: UploadEvent) => void) | undefined;
}

export interface UploadResult {
  /** The file as the server has it now. */
  file: FileObject;
  /** The SHA-1 of the whole in hex: computed here, proven by the server. */
  sha1: string;
  /** Bytes that went out, with those that went out in vain. */
  bytesSent: number;
  /** Bytes that an earlier run had stored. */
  bytesResumed: number;
  /** Milliseconds. */
  duration: number;
  /** The session; undefined where the file went in one piece. */
  sessionId: string | undefined;
}

/** What happens to an upload beside its bytes. `message` is a sentence for people. */
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
      /** The first, second, … time in which nothing gets on: every request under way runs into the same one. */
      outage: number;
    }
  | { type: 'parallel'; parallel: number }
  /** The source's time of change is none that a server takes; the file goes up without. */
  | { type: 'date-left-out' }
  /** The state could not be kept: the upload goes on, but not after a crash. */
  | { type: 'not-kept'; error: unknown }
  /** Before the error is thrown: whether the same call again goes on from here. */
  | { type: 'stopped'; resumable: boolean; sessionId: string | undefined; bytesStored: number; error: unknown }
);

export type RestartReason =
  /** Size, time of change or bytes are others than those of which parts are stored. */
  | 'source-changed'
  /** The server does not have the session any more. */
  | 'session-gone'
  /** The name was free when the session began, and was taken when it ended. */
  | 'name-taken';

/** What is with a part: `stored` means by an earlier run, `failed` that it is about to be tried again. */
export type PartState = 'queued' | 'sending' | 'sent' | 'failed' | 'stored';

export interface PartProgress {
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  state: PartState;
  /** Bytes that have gone out of the present try. */
  sent: number;
  /** How often it was begun to be sent. */
  tries: number;
}

export interface UploadProgress {
  /** `hashing`: reading what is stored already; `committing`: all is sent, and the server makes the file. */
  phase: 'starting' | 'hashing' | 'sending' | 'committing' | 'done';
  bytesTotal: number;
  /** Bytes of parts that the server has, those of earlier runs among them. */
  bytesStored: number;
  /** `bytesStored` and what has gone out of the parts under way. */
  bytesDone: number;
  /** Over the last few seconds; undefined until there is one. */
  bytesPerSecond: number | undefined;
  secondsLeft: number | undefined;
  /** How many requests are allowed at a time now. */
  parallel: number;
  /** By offset. The list lives on: it shows the present state whenever it is read. Empty where a file goes in one piece. */
  parts: readonly PartProgress[];
}
