import type { SessionId } from '@partway/protocol/ids';

/** Odd, so that multiplying by it permutes the 32-bit numbers: no two slots of a session share an id. */
const STEP = 0x9e3779b1;

/** The wire's `part_id`: 8 upper-case hex digits, unique within the session, the same whenever the part is sent. */
export function partIdOf(session: SessionId, slot: number): string {
  const start = Number.parseInt(session.slice(0, 8), 16);
  const id = (start + Math.imul(slot, STEP)) >>> 0;
  return id.toString(16).toUpperCase().padStart(8, '0');
}
