import type { Millis } from '@partway/protocol/ids';
import { PartBitmap } from '../part-layout.ts';
import type { Session } from '../session.ts';
import type { HashCheckpoint } from './checkpoint.ts';

/** What a node remembers of a session's hash. It can be lost at any time, because the rows have the same information. */
export interface HashingSession {
  session: Session;
  /** Parts after the checkpoint that this node has in its local cache, as far as it remembers. */
  localParts: PartBitmap;
  /** The checkpoint that this node last saw. */
  checkpoint: HashCheckpoint;
  running: Promise<void> | undefined;
  /** True if `run` was called during a run. */
  runAgain: boolean;
  /** Number of commits that wait for the digest. The session is not dropped meanwhile. */
  waiters: number;
  /** Deadline for the node we asked to continue hashing, by `performance.now()`. */
  otherNodeUntil: Millis;
}

export function newHashingSession(session: Session): HashingSession {
  return {
    session,
    localParts: new PartBitmap(session.staged.layout.partCount),
    checkpoint: { parts: 0, state: undefined },
    running: undefined,
    runAgain: false,
    waiters: 0,
    otherNodeUntil: 0,
  };
}

/** Sets the checkpoint unless it is older than the known one. */
export function updateCheckpoint(hashing: HashingSession, checkpoint: HashCheckpoint): void {
  if (checkpoint.parts > hashing.checkpoint.parts || checkpoint.parts < 0) hashing.checkpoint = checkpoint;
}
