import { SlotSet } from '../part-layout.ts';
import type { Session } from '../session.ts';
import type { DigestMark } from './checkpoint.ts';

/** What one node remembers of a session whose digest lies in rows. All of it may be lost: the rows say it again. */
export interface Followed {
  session: Session;
  /** Stored slots beyond the mark whose bytes are at hand here, as far as this node remembers. */
  held: SlotSet;
  /** The mark as this node last saw it. */
  mark: DigestMark;
  running: Promise<void> | undefined;
  /** Whether something came while the walk was on. */
  again: boolean;
  /** How many commits wait for it; it is not given up meanwhile. */
  awaited: number;
  /** Until when a node that was asked for its bytes is believed to be at work, by `performance.now()`. */
  comingUntil: number;
}

export function newFollowed(session: Session): Followed {
  return {
    session,
    held: new SlotSet(session.staging.grid.slots),
    mark: { slots: 0, state: undefined },
    running: undefined,
    again: false,
    awaited: 0,
    comingUntil: 0,
  };
}

/** Takes in a mark that may be older than the one known. */
export function learn(followed: Followed, mark: DigestMark): void {
  if (mark.slots > followed.mark.slots || mark.slots < 0) followed.mark = mark;
}
