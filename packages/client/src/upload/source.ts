import type { SourceIdentity } from '../state.ts';
import type { RequestBody } from '../transport.ts';

/** The source of an upload. */
export interface UploadSource {
  readonly identity: SourceIdentity;
  /** The default name of the file; undefined if the source has no name. */
  readonly name: string | undefined;
  /** Whether it can be read again from the start. */
  readonly repeatable: boolean;
  /** Returns the source in its current state, for an upload that starts from scratch. */
  reopen(): Promise<UploadSource>;
  /** Reads everything at once, for a small file. */
  readAll(): Promise<Uint8Array | Blob>;
  open(plan: ReadPlan): Promise<PartReader>;
  /** Whether it still matches `identity`. */
  isUnchanged(): Promise<boolean>;
}

export interface ReadPlan {
  /** Bytes. */
  partSize: number;
  /** How many bytes of parts can be kept in memory. */
  memory: number;
  /** Maximum number of parts in use, including the one that is being read. */
  parts: number;
}

/** Reads a source once from start to end, part by part. */
export interface PartReader extends AsyncDisposable {
  /** Maximum number of parts that are read and not yet released; 1 or more. */
  readonly maxUnreleased: number;
  /** Hashes the next part and keeps it for sending. The caller must release it, and must respect `maxUnreleased`. */
  readPart(offset: number, size: number): Promise<PartData>;
  /** Hashes the next part, which is not sent. Resolves with its SHA-1 in hex. */
  hashPart(offset: number, size: number): Promise<string>;
  /** Resolves with the SHA-1 in hex of all parts. @throws if the source has more bytes. */
  sha1(): Promise<string>;
}

export interface PartData {
  /** Hex. */
  sha1: string;
  /** Can be sent any number of times until it is released. */
  body: RequestBody;
  release(): void;
}
