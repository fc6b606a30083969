import type { Sha1 } from '../api/ids.ts';
import type { LocalBytes } from '../content/content.ts';

/** A digest as far as it has come: the SHA-1 of the first `length` bytes. */
export interface RunningDigest {
  sha1: Sha1;
  length: number;
}

/** What a lane sends its worker. `forget` gets no answer; the others get one each, in order. */
export type DigestJob =
  | { kind: 'extend'; key: string; from: number; bytes: LocalBytes }
  | { kind: 'current'; key: string }
  | { kind: 'forget'; key: string };

/** What comes back: for `current` the digest, undefined where none is kept for the key; or what went wrong. */
export type DigestAnswer = { digest?: RunningDigest | undefined } | { failure: DigestFailure };

/** An error as it crosses between threads; `code` is the system's, such as ENOENT. */
export interface DigestFailure {
  message: string;
  code?: string | undefined;
  outOfStep: boolean;
}
