import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { NativeHash } from '@partway/native/native';
import type { BlobId, Millis, Sha1, UserId } from '@partway/protocol/ids';

/** How a file is divided: `partCount` parts of `partSize` bytes, of which the last can be shorter. Plain data. */
export interface PartLayout {
  fileSize: number;
  partSize: number;
  partCount: number;
}

/** The range of one part: bytes `offset` to `offset + length - 1` of the file. `index` starts at 0. */
export interface PartRange {
  index: number;
  offset: number;
  length: number;
}

/** A blob that is being written. Plain data: it is stored in the session's row and read again after a crash. */
export interface StagedBlob {
  blob: BlobId;
  layout: PartLayout;
  /** Used only by the driver, to find the bytes again: the upload ID on S3, nothing on disk. */
  backendState?: string;
}

/** Identifies the stored bytes of a part; passed back to `complete`. The ETag on S3; empty on disk. */
export type PartTag = string;

/** A range of bytes in a local file. The file can disappear at any time. */
export interface LocalPart {
  path: string;
  offset: number;
  length: number;
}

/** Bytes `first` to `last`, both inclusive. */
export interface ByteRange {
  first: number;
  last: number;
}

/** A blob in the store, as garbage collection sees it. */
export interface StoredBlob {
  blob: BlobId;
  kind: 'staged' | 'complete';
  modifiedAt: Millis;
  /** When it was last written to, if `modifiedAt` is only the time of its creation. Sends another request to the store. */
  lastWrite?: () => Promise<Millis>;
}

/** A blob in the store, as the scan for orphans sees it. */
export interface FoundBlob {
  blob: BlobId;
  /** When it was last written to; undefined if it no longer exists. Sends a request to the store. */
  lastWrite: () => Promise<Millis | undefined>;
}

/**
 * Thrown by `complete`: these parts do not have the bytes that their tags identify. Their rows are invalid, and the parts
 * have to be written again. The upload stays open.
 */
export class LostPartsError extends Error {
  override readonly name = 'LostPartsError';
  /** Indexes, starting at 0. */
  readonly parts: readonly number[];

  constructor(parts: readonly number[], options?: ErrorOptions) {
    super(`The store no longer has the bytes that were written to parts ${parts.join(', ')}.`, options);
    this.parts = parts;
  }
}

/** The SHA-1 of a whole file, as far as it has been computed. */
export type FileHash = NativeHash;

/** A body as it arrives. */
export interface IncomingBody extends AsyncIterable<Uint8Array> {
  /**
   * Lets the store receive the bytes from the connection, without passing them through JavaScript. Undefined if that is not
   * possible: then the body is iterated.
   */
  handOver?(): Promise<SocketBody | undefined>;
}

/** A body whose bytes are received from a connection. `release` must be called in any case. */
export interface SocketBody {
  /** The first bytes, which have been received. */
  readonly head: Uint8Array;
  /** The connection. */
  readonly fd: number;
  /** The number of bytes that follow, of which the receiver must not read more. */
  readonly length: number;
  /** Aborted if receiving has to end early. */
  readonly signal?: AbortSignal | undefined;
  /** Reports the job that receives, so that its progress can be watched. */
  follow(transfer: SocketTransfer): void;
  /** Returns the connection, of which as many bytes have been read as the job has received. */
  release(): void;
  /** After `release`: the error for a connection that ended early, as soon as the end has been handled. */
  disconnected(): Promise<Error>;
}

/** The progress of a job that receives from a connection or sends to it. */
export interface SocketTransfer {
  /** Bytes so far. */
  readonly moved: number;
  /** Whether it waits for the client to send or to read. */
  readonly isWaiting: boolean;
}

/** A job that sends to a connection. */
export interface SendingTransfer extends SocketTransfer {
  /** Settles when the job is over. */
  readonly done: Promise<void>;
  /** Ends the job early. */
  cancel(): void;
}

/** The bytes of a blob that is a file on this machine. */
export interface FileStream extends Readable {
  /**
   * Sends the bytes to a connection, in place of reading them. They do not pass through JavaScript. Undefined if that is not
   * possible. Ends early if this is destroyed.
   */
  sendTo(connection: { fd: number }): SendingTransfer | undefined;

  /** Iterates over the bytes in a buffer that is used again: each view is valid until the next one is requested. */
  views(): AsyncIterable<Uint8Array>;
}

/** What a store verifies while it writes a part, if `verifiesParts` is true. */
export interface PartVerification {
  sha1: Sha1;
  /** When to add the bytes to the hash of the file. Without it, they are not added. */
  turn?: HashTurn | undefined;
}

/**
 * The turn of a part in the hash of its file, to which parts are added one after the other. Hashing a byte for the part and
 * for the file at once costs little more than hashing it for one.
 */
export interface HashTurn {
  /**
   * The hash of the file before the part, if it is known when the part begins to arrive: then the bytes are added to both
   * hashes as they arrive. `later` if it soon will be: then they are hashed after they have been written. Undefined if only
   * the part is hashed.
   */
  begin(): FileHash | 'later' | undefined;

  /** After `later`, when all bytes are written: the hash of the file before the part, or undefined if it is not known yet. */
  wait(): Promise<FileHash | undefined>;

  /** Reports that the hash includes the part, whose digest is right. */
  done(fileHash: FileHash): void;
}

/** Where a body comes from. */
export interface BodySource {
  /** The user who sends it. A store with limited space for bodies in progress keeps some of it for other users. */
  by?: UserId;
  /** Aborted when the client has disconnected. A body that is waiting for space then stops waiting. */
  signal?: AbortSignal | undefined;
  /** Present if the body is not verified yet. Requires `verifiesParts`. */
  verify?: PartVerification;
}

/**
 * Stores bytes. A driver trusts its arguments: the caller has verified length and digest (`verifyDigest`), unless it passes
 * `verify`, and created the IDs. It keeps no state in memory for an upload, so any call can follow a crash or come from
 * another node.
 */
export interface BlobStore {
  /** Prepares a new blob for its parts. Resolves once this survives a power cut. */
  create(blob: BlobId, layout: PartLayout): Promise<StagedBlob>;

  /**
   * Writes one part. `body` yields exactly `range.length` bytes or throws before its end. If it throws, this rejects with
   * the same error, and the part counts as not written. Resolves once the bytes survive a power cut. The store owns the
   * chunks and frees their memory. The caller ensures that a part has one writer at a time. After a rejection, no write to
   * the part is in progress.
   */
  writePart(staged: StagedBlob, range: PartRange, body: IncomingBody, from?: BodySource): Promise<PartTag>;

  /**
   * Whether `writePart` can verify a body itself: it then rejects with `length-mismatch` or `digest-mismatch`, after bytes of
   * the part have been written.
   */
  verifiesParts(): boolean;

  /** Finds where the bytes of a written part can be read on this machine, for hashing. Undefined if they are not local. */
  localPart(staged: StagedBlob, range: PartRange): Promise<LocalPart | undefined>;

  /** Drops what was cached only for `localPart`. Called when the whole-file hash includes the part. */
  dropLocalPart(staged: StagedBlob, range: PartRange): Promise<void>;

  /**
   * Turns a staged blob whose parts are all written into a complete blob, without copying any bytes. Idempotent: a second
   * call has the same result, even after a crash during the first. Resolves once this survives a power cut. Throws
   * `LostPartsError` if a part no longer has the bytes that its tag identifies. If the blob is already complete, the tags
   * might not be checked, because another call has completed it, possibly with other tags.
   */
  complete(staged: StagedBlob, tags: readonly PartTag[]): Promise<void>;

  /**
   * Stores a complete blob of unknown length, in bounded memory. If `body` throws, this rejects with the same error.
   * Resolves once the bytes survive a power cut; after a rejection, none of them remain.
   * @param by As for `writePart`.
   * @param announced The minimum number of bytes, if known. If they do not fit, throws `storage-full` before reading any.
   */
  put(blob: BlobId, body: AsyncIterable<Uint8Array>, by?: UserId, announced?: number): Promise<void>;

  /** Reads a complete blob, or a range of it. A caller that stops early destroys the stream. */
  read(blob: BlobId, range?: ByteRange): Promise<Readable | FileStream>;

  /** Removes a complete blob, or a staged blob even if it has been completed. Idempotent; a missing blob is no error. */
  remove(target: BlobId | StagedBlob): Promise<void>;

  /** Whether a staged blob exists, completed or not. Checks this blob itself, because lists can be incomplete. */
  exists(staged: StagedBlob): Promise<boolean>;

  /** Whether a blob is complete, from parts or from `put`. */
  isComplete(blob: BlobId): Promise<boolean>;

  /** Lists all blobs in the store, in no particular order. Each call lists them again; safe during writes. */
  list(): AsyncIterable<StoredBlob>;

  /** The number of sections that `find` divides the store into. */
  sections(): number;

  /**
   * Lists the blobs of one section of the store. Runs often and must be cheap, so it reads only names. Section 0 has the
   * uploads in progress. A blob that is completed meanwhile can appear twice, but a caller that reads section 0 first never
   * misses it.
   */
  find(section: number): AsyncIterable<FoundBlob>;
}

/** Creates an ID for a new blob: 128 random bits, so that no two blobs share one. */
export function newBlobId(): BlobId {
  return randomBytes(16).toString('hex') as BlobId;
}

export const BLOB_ID: RegExp = /^[0-9a-f]{32}$/;

/** Returns the ID after checking its format, because it becomes part of a path or key. */
export function checkBlobId(blob: BlobId): string {
  if (!BLOB_ID.test(blob)) throw new TypeError('A blob ID must have 32 lowercase hex digits.');
  return blob;
}

export function isFileStream(bytes: Readable): bytes is FileStream {
  return 'sendTo' in bytes;
}
