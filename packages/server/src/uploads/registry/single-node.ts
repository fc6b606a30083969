import type { SessionId, UserId } from '@partway/protocol/ids';
import type { PartRange } from '../../storage/blob-store.ts';
import { getOwnSession } from '../find-session.ts';
import type { Part, Session } from '../session.ts';
import { findPart, insertPart } from '../session-store.ts';
import type { PartRegistry, RecordedPart, RegistryDeps } from './part-registry.ts';

/** The part registry for a single node. `PartLocks` prevent two requests from writing the same part. */
export class SingleNodeRegistry implements PartRegistry {
  readonly #deps: RegistryDeps;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  getSession(caller: UserId, id: SessionId): Promise<Session> {
    return getOwnSession(this.#deps, caller, id);
  }

  findPart({ id }: Session, index: number): Promise<Part | undefined> {
    return findPart(this.#deps.db, id, index);
  }

  reserveAfter(
    _session: Session,
    _range: PartRange,
    _sha1: string,
    body: AsyncIterable<Uint8Array>,
  ): AsyncIterable<Uint8Array> {
    return body;
  }

  async recordPart({ id }: Session, part: Omit<Part, 'partId'>): Promise<RecordedPart> {
    const isNew = await insertPart(this.#deps.db, id, part, this.#deps.clock.now(), this.#deps.node);
    return isNew ? { isNew, checkpoint: undefined } : { isNew };
  }

  /** Single node: in-flight parts are tracked by `PartLocks`. */
  async hasReservations(): Promise<boolean> {
    return false;
  }

  forgetSession(): void {}
}
