import type { SessionId, UserId } from '@partway/protocol/ids';
import type { Slot } from '../../storage/blob-store.ts';
import { findOwnSession } from '../find-session.ts';
import type { Part, Session } from '../session.ts';
import { findPart, insertPart } from '../session-store.ts';
import type { Ledger, LedgerParts, Recorded } from './part-registry.ts';

/** The ledger where one node alone takes parts: its claims keep two of them apart, and the rows are asked each time. */
export class LedgerOfOne implements Ledger {
  readonly #parts: LedgerParts;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  session(caller: UserId, id: SessionId): Promise<Session> {
    return findOwnSession(this.#parts, caller, id);
  }

  stored({ id }: Session, slot: number): Promise<Part | undefined> {
    return findPart(this.#parts.db, id, slot);
  }

  fixing(_session: Session, _slot: Slot, _sha1: string, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return body;
  }

  async record({ id }: Session, part: Omit<Part, 'partId'>): Promise<Recorded> {
    const made = await insertPart(this.#parts.db, id, part, this.#parts.clock.now(), this.#parts.node);
    return made ? { made, mark: undefined } : { made };
  }

  /** Other nodes there are none, and what this one is about to store its claims know. */
  async isStoring(): Promise<boolean> {
    return false;
  }

  forget(): void {}
}
