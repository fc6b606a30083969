/**
 * Ids and digests as types of their own, so that a string that was never checked cannot stand where a checked one is
 * meant. All are made by the server or parsed at the edge; none is ever used as a path as a client sent it.
 */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** An upload session: 32 upper-case hex digits (128 random bits). */
export type SessionId = Branded<string, 'SessionId'>;

/** The bytes of one file version, wherever they lie: 32 lower-case hex digits (128 random bits). */
export type BlobId = Branded<string, 'ContentId'>;

/** A server process, from its start to its end: 16 lower-case hex digits; empty for none. */
export type NodeId = Branded<string, 'NodeId'>;

/** A SHA-1, as 40 lower-case hex digits. */
export type Sha1 = Branded<string, 'Sha1'>;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Millis = number;

/** Files and folders, versions and users: positive decimal integers, strings at the wire as Box's are. */
export type ItemId = Branded<number, 'ItemId'>;
export type VersionId = Branded<number, 'VersionId'>;
export type UserId = Branded<number, 'UserId'>;

/** A tree that is copied or deleted in batches; never on the wire. */
export type TreeJobId = Branded<number, 'TreeJobId'>;

const SESSION_ID = /^[0-9A-F]{32}$/i;
const SHA1_HEX = /^[0-9a-f]{40}$/i;
const DECIMAL_ID = /^[1-9][0-9]{0,14}$/;

/** The session id in `text`, or undefined where it is not 32 hex digits. */
export function parseSessionId(text: string): SessionId | undefined {
  return SESSION_ID.test(text) ? (text.toUpperCase() as SessionId) : undefined;
}

/** The digest in `text`, or undefined where it is not 40 hex digits. */
export function parseSha1Hex(text: string): Sha1 | undefined {
  return SHA1_HEX.test(text) ? (text.toLowerCase() as Sha1) : undefined;
}

/** A positive decimal id below 10^15, or undefined; "0" (the root folder) is not one. */
export function parseDecimalId(text: string): number | undefined {
  return DECIMAL_ID.test(text) ? Number(text) : undefined;
}

/** A digest's 20 bytes in base64, the form of the `digest` header. */
export function sha1ToBase64(sha1: Sha1): string {
  return hexToBase64(sha1);
}

function hexToBase64(hex: string): string {
  return btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16))));
}
