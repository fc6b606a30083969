import { PartBitmap } from '../part-layout.ts';
import type { Session } from '../session.ts';
import type { HashCheckpoint } from './checkpoint.ts';

/** What one node remembers of a session whose digest lies in rows. All of it may be lost: the rows say it again. */
export interface HashingSession {
  session: Session;
  /** Stored slots beyond the mark whose bytes are at hand here, as far as this node remembers. */
  localParts: PartBitmap;
  /** The mark as this node last saw it. */
  checkpoint: HashCheckpoint;
  running: Promise<void> | undefined;
  /** Whether something came while the walk was on. */
  again: boolean;
  /** How many commits wait for it; it is not given up meanwhile. */
  awaited: number;
  /** Until when a node that was asked for its bytes is believed to be at work, by `performance.now()`. */
  otherNodeUntil: number;
}

export function newHashingSession(session: Session): HashingSession {
  return {
    session,
    localParts: new PartBitmap(session.staged.layout.partCount),
    checkpoint: { parts: 0, state: undefined },
    running: undefined,
    again: false,
    awaited: 0,
    otherNodeUntil: 0,
  };
}

/** Takes in a mark that may be older than the one known. */
export function updateCheckpoint(followed: HashingSession, checkpoint: HashCheckpoint): void {
  if (checkpoint.parts > followed.checkpoint.parts || checkpoint.parts < 0) followed.checkpoint = checkpoint;
}
