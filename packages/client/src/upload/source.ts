import type { SourceIdentity } from '../state.ts';
import type { RequestBody } from '../transport.ts';

/** What a file is uploaded from. */
export interface UploadSource {
  readonly identity: SourceIdentity;
  /** What the file is called unless the caller says otherwise; undefined where the source has no name. */
  readonly name: string | undefined;
  /** Whether it can be read again from its first byte on. */
  readonly repeatable: boolean;
  /** The source as it is now, for an upload that begins anew. */
  again(): Promise<UploadSource>;
  /** All of it at once, for a small file. */
  whole(): Promise<Uint8Array | Blob>;
  open(plan: ReadingPlan): Promise<PartReader>;
  /** Whether it is still what `identity` says. */
  isUnchanged(): Promise<boolean>;
}

export interface ReadingPlan {
  /** Bytes. */
  partSize: number;
  /** How many bytes of parts may be held. */
  memory: number;
  /** How many parts are wanted at a time at most, the one being read among them. */
  parts: number;
}

/** Reads a source from its first byte to its last, part by part, once. */
export interface PartReader extends AsyncDisposable {
  /** How many parts may be held, that is read and not released; 1 or more. */
  readonly mostHeld: number;
  /** Hashes the next part, and keeps it for sending. The caller releases it, and never holds more than `mostHeld`. */
  take(offset: number, size: number): Promise<TakenPart>;
  /** Hashes the next part, which needs no sending; gives its SHA-1 in hex. */
  skip(offset: number, size: number): Promise<string>;
  /** The SHA-1 in hex of everything read. @throws where the source has more to give. */
  sha1(): Promise<string>;
}

export interface TakenPart {
  /** Hex. */
  sha1: string;
  /** Can be sent as often as need be until it is released. */
  body: RequestBody;
  release(): void;
}
