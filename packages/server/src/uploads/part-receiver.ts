import type { Sha1 } from '@partway/protocol/ids';
import type { BlobStore, PartRange, PartTag } from '../storage/blob-store.ts';
import { verifyDigest } from '../storage/verify.ts';
import type { Hasher } from './hashing/hasher.ts';
import type { PartTurn } from './hashing/part-turns.ts';
import type { PartBody } from './part-locks.ts';
import type { PartRegistry } from './registry/part-registry.ts';
import type { Session } from './session.ts';

/** The bytes of a part as they arrive, and what they should be. */
interface IncomingPart {
  session: Session;
  range: PartRange;
  sha1: Sha1;
  body: PartBody;
}

export interface ReceivedPart {
  tag: PartTag;
  /** The part's turn in the hash of the file, to be closed when the part is stored or will not be. */
  turn?: PartTurn | undefined;
}

/** Receives, verifies and writes one part: the work that takes almost all the time of a request. */
export interface PartReceiver {
  /**
   * Reads the body, verifies its length and SHA-1, and writes it to the store. When this resolves, the bytes would survive a
   * power cut. Bytes that do not match are never stored as a part: at most they are written where a later upload of the
   * same part overwrites them. The lock of the part must be held.
   *
   * Rejects with `length-mismatch` or `digest-mismatch` for a wrong body, with the errors of the store, and with
   * `AlreadyStoredError` if another node has stored the part meanwhile.
   */
  receive(part: IncomingPart): Promise<ReceivedPart>;
}

interface ReceiverDeps {
  blobs: BlobStore;
  registry: PartRegistry;
  hasher: Hasher;
}

/** Chooses the receiver for a store. With a store that verifies parts, there is one node. */
export function createPartReceiver(deps: ReceiverDeps): PartReceiver {
  return deps.blobs.verifiesParts() ? new VerifyingReceiver(deps) : new StreamReceiver(deps);
}

/** Receives parts as a stream of chunks, which are hashed on this thread and passed on to the store. */
class StreamReceiver implements PartReceiver {
  readonly #deps: ReceiverDeps;

  constructor(deps: ReceiverDeps) {
    this.#deps = deps;
  }

  async receive({ session, range, sha1, body }: IncomingPart): Promise<ReceivedPart> {
    const { blobs, registry } = this.#deps;
    const verified = registry.reserveAfter(session, range, sha1, verifyDigest(body, range.length, sha1));
    const tag = await blobs.writePart(session.staged, range, verified, { by: session.owner, signal: body.signal });
    return { tag };
  }
}

/**
 * Passes parts to a store that verifies them while it writes them. When the file has been hashed up to the beginning of a
 * part, the part's bytes are added to that hash together with the hash of the part. For a single node: no part is reserved
 * in the database.
 */
class VerifyingReceiver implements PartReceiver {
  readonly #deps: ReceiverDeps;

  constructor(deps: ReceiverDeps) {
    this.#deps = deps;
  }

  async receive({ session, range, sha1, body }: IncomingPart): Promise<ReceivedPart> {
    const { blobs, hasher } = this.#deps;
    const turn = hasher.openTurn(session, range);
    const source = { by: session.owner, signal: body.signal, verify: { sha1, turn } };
    try {
      return { tag: await blobs.writePart(session.staged, range, body, source), turn };
    } catch (error) {
      turn?.close();
      throw error;
    }
  }
}
