import type { Sha1 } from '@partway/protocol/ids';
import type { BlobStore, PartRange, PartTag } from '../storage/blob-store.ts';
import { verifyDigest } from '../storage/verify.ts';
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
  receive(part: IncomingPart): Promise<PartTag>;
}

interface StreamReceiverDeps {
  blobs: BlobStore;
  registry: PartRegistry;
}

/** Receives parts as a stream of chunks, which are hashed on this thread and passed on to the store. */
export class StreamReceiver implements PartReceiver {
  readonly #deps: StreamReceiverDeps;

  constructor(deps: StreamReceiverDeps) {
    this.#deps = deps;
  }

  receive({ session, range, sha1, body }: IncomingPart): Promise<PartTag> {
    const { blobs, registry } = this.#deps;
    const verified = registry.reserveAfter(session, range, sha1, verifyDigest(body, range.length, sha1));
    return blobs.writePart(session.staged, range, verified, { by: session.owner, signal: body.signal });
  }
}
