/** What is asked of the hash thread, and what it answers. Jobs are done one after the other, as they come. */
export type HashJob =
  /** The next bytes of the whole: of the thread's file at `offset`, into `memory` where that is given; else of `memory`. */
  | { kind: 'part'; id: number; offset: number; size: number; memory: SharedArrayBuffer | undefined }
  /** The digest of all bytes so far. Nothing can be asked afterwards. */
  | { kind: 'whole'; id: number };

export type HashAnswer = { id: number; sha1: string } | { id: number; error: unknown };
