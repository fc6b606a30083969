import type { SessionId, UserId } from '@partway/protocol/ids';
import type { PartRange } from '../../storage/blob-store.ts';
import { getOwnSession } from '../find-session.ts';
import type { Part, Session } from '../session.ts';
import { findPart, insertPart } from '../session-store.ts';
import type { PartRegistry, RecordedPart, RegistryDeps } from './part-registry.ts';

/** The ledger where one node alone takes parts: its claims keep two of them apart, and the rows are asked each time. */
export class SingleNodeRegistry implements PartRegistry {
  readonly #deps: RegistryDeps;

  constructor(parts: RegistryDeps) {
    this.#deps = parts;
  }

  findSession(caller: UserId, id: SessionId): Promise<Session> {
    return getOwnSession(this.#deps, caller, id);
  }

  findPart({ id }: Session, index: number): Promise<Part | undefined> {
    return findPart(this.#deps.db, id, index);
  }

  reserveAfter(
    _session: Session,
    _slot: PartRange,
    _sha1: string,
    body: AsyncIterable<Uint8Array>,
  ): AsyncIterable<Uint8Array> {
    return body;
  }

  async recordPart({ id }: Session, part: Omit<Part, 'partId'>): Promise<RecordedPart> {
    const made = await insertPart(this.#deps.db, id, part, this.#deps.clock.now(), this.#deps.node);
    return made ? { made, checkpoint: undefined } : { made };
  }

  /** Other nodes there are none, and what this one is about to store its claims know. */
  async hasReservations(): Promise<boolean> {
    return false;
  }

  forgetSession(): void {}
}
