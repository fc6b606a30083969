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
