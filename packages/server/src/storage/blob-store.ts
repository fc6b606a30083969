import { randomBytes } from 'node:crypto';
import type { BlobId, Millis, UserId } from '@partway/protocol/ids';

/** How a file is cut: `slots` parts of `partSize` bytes, the last one shorter where the size asks for it. Plain data. */
export interface PartLayout {
  fileSize: number;
  partSize: number;
  partCount: number;
}

/** One place of a grid: bytes `offset` to `offset + length - 1` of the file. `index` counts from 0. */
export interface PartRange {
  index: number;
  offset: number;
  length: number;
}

/** Where the bytes of an unfinished file lie. Plain data: it goes into a row and comes back after a crash. */
export interface StagedBlob {
  blob: BlobId;
  layout: PartLayout;
  /** What the driver alone needs to find the bytes again (an S3 upload id; nothing on disk). */
  backendState?: string;
}

/** What a driver wants back at `seal` for each slot (an ETag on S3; empty on disk). */
export type PartTag = string;

/** A run of bytes in a file on this machine, as long as it is at hand. */
export interface LocalPart {
  path: string;
  offset: number;
  length: number;
}

/** Bytes `first` to `last`, both counted. */
export interface ByteRange {
  first: number;
  last: number;
}

/** What lies in the store, as the sweep sees it. */
export interface StoredBlob {
  blob: BlobId;
  kind: 'staged' | 'complete';
  modifiedAt: Millis;
  /** Where `modifiedAt` says only when it was begun: when it was last written to. Asks the store once more. */
  lastWrite?: () => Promise<Millis>;
}

/** What lies in the store, as a search for orphans sees it. */
export interface FoundBlob {
  blob: BlobId;
  /** When it was last written to; undefined if it is gone by now. Asks the store. */
  lastWrite: () => Promise<Millis | undefined>;
}

/**
 * What `seal` found: these slots do not hold what their receipts say. Their rows count no more, and they have to be
 * written again; the upload is as open as it was.
 */
export class LostPartsError extends Error {
  override readonly name = 'LostParts';
  /** Indexes, counted from 0. */
  readonly parts: readonly number[];

  constructor(slots: readonly number[], options?: ErrorOptions) {
    super(`the store no longer holds what was written into slots ${slots.join(', ')}`, options);
    this.parts = slots;
  }
}

/** Whom a body comes from. */
export interface BodySource {
  /** Where the store has little room for bodies under way, it leaves some for other users. */
  by?: UserId;
  /** Aborted when the client is gone: a body that has not begun does not wait for its turn any more. */
  signal?: AbortSignal | undefined;
}

/**
 * Where bytes live. A driver trusts what it is given: length and digest were proven above it (`verified`), ids were
 * made by us. It keeps nothing in memory for an upload, so that any call may come after a crash or from another node.
 */
export interface BlobStore {
  /** Makes room for a new file. Resolves once that survives a power cut. */
  create(blob: BlobId, layout: PartLayout): Promise<StagedBlob>;

  /**
   * Writes one slot; `body` yields exactly `slot.length` bytes or throws before its end, and what it throws comes out
   * here, with the slot still unwritten as far as anyone may rely on. Resolves once the bytes survive a power cut.
   * The chunks become the store's, which frees their memory. The caller sees to it that a slot has one writer at a time.
   * When it rejects, no write to the slot is under way.
   */
  writePart(staged: StagedBlob, slot: PartRange, body: AsyncIterable<Uint8Array>, from?: BodySource): Promise<PartTag>;

  /** Where a written slot's bytes can be read on this machine, for hashing; undefined where they are not at hand. */
  localPart(staged: StagedBlob, slot: PartRange): Promise<LocalPart | undefined>;

  /** The digest has passed this slot: what was kept only for `locate` may go. */
  dropLocalPart(staged: StagedBlob, slot: PartRange): Promise<void>;

  /**
   * Turns a staging whose slots are all written into a content that can be opened; no byte is copied. Idempotent: a
   * second call, also after a crash in the first, ends in the same state. Resolves once that survives a power cut.
   * Rejects with `LostPartsError` where a slot no longer holds what it held when its receipt was given. Of a content that is
   * sealed already it may look at no receipt: another call has sealed it, maybe with other ones.
   */
  complete(staged: StagedBlob, tags: readonly PartTag[]): Promise<void>;

  /**
   * Stores a content of whatever length `body` turns out to have, sealed at once; in bounded memory. What `body` throws
   * before its end comes out here. Resolves once the bytes survive a power cut; when it rejects, nothing of them stays.
   * `by` as at `write`; `announced` is how many bytes will come at least, if that is known, so that the store refuses
   * `insufficient_storage` before it takes any.
   */
  put(blob: BlobId, body: AsyncIterable<Uint8Array>, by?: UserId, announced?: number): Promise<void>;

  /** Reads a sealed content, or a range of it. The caller destroys the stream when it stops early. */
  read(blob: BlobId, range?: ByteRange): Promise<NodeJS.ReadableStream & AsyncIterable<Uint8Array>>;

  /** Removes a sealed content, or a staging in any state, sealed or not. Idempotent; none there is no error. */
  remove(target: BlobId | StagedBlob): Promise<void>;

  /** Whether a staging is there, sealed or not. Asked for itself: a list may leave out what is there. */
  exists(staged: StagedBlob): Promise<boolean>;

  /** Whether a content is whole: sealed, or stored at once. */
  isComplete(blob: BlobId): Promise<boolean>;

  /** Everything in the store, in no order; made anew for each call and safe beside writers. */
  list(): AsyncIterable<StoredBlob>;

  /** In how many parts `look` goes through the store. */
  parts(): number;

  /**
   * Everything in one part of the store, for a search that comes often and has to be cheap: names, and nothing else is
   * asked for. Part 0 is that in which uploads are in progress. What is sealed meanwhile may be met twice, but is never
   * missed by who looks at part 0 first.
   */
  find(part: number): AsyncIterable<FoundBlob>;
}

/** An id for bytes about to be stored: 128 random bits, so that no two contents ever share one. */
export function newBlobId(): BlobId {
  return randomBytes(16).toString('hex') as BlobId;
}
