/**
 * Types for IDs and digests, so that an unchecked string does not compile in place of a checked one. All of them are
 * created by the server or parsed in the HTTP layer. No string that a client sent is ever used as a path.
 */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** An upload session: 32 uppercase hex digits (128 random bits). */
export type SessionId = Branded<string, 'SessionId'>;

/** A blob: 32 lowercase hex digits (128 random bits). */
export type BlobId = Branded<string, 'BlobId'>;

/** A server process, from its start to its end: 16 lowercase hex digits; empty for none. */
export type NodeId = Branded<string, 'NodeId'>;

/** A SHA-1: 40 lowercase hex digits. */
export type Sha1 = Branded<string, 'Sha1'>;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Millis = number;

/** Files and folders, versions, and users: positive integers; in the API, decimal strings like Box's IDs. */
export type ItemId = Branded<number, 'ItemId'>;
export type VersionId = Branded<number, 'VersionId'>;
export type UserId = Branded<number, 'UserId'>;

/** A job that copies or deletes a tree in batches; never part of the API. */
export type TreeJobId = Branded<number, 'TreeJobId'>;

const SESSION_ID = /^[0-9A-F]{32}$/i;
const SHA1_HEX = /^[0-9a-f]{40}$/i;
const DECIMAL_ID = /^[1-9][0-9]{0,14}$/;

/** Parses a session ID. Returns undefined if the text is not 32 hex digits. */
export function parseSessionId(text: string): SessionId | undefined {
  return SESSION_ID.test(text) ? (text.toUpperCase() as SessionId) : undefined;
}

/** Parses a SHA-1. Returns undefined if the text is not 40 hex digits. */
export function parseSha1Hex(text: string): Sha1 | undefined {
  return SHA1_HEX.test(text) ? (text.toLowerCase() as Sha1) : undefined;
}

/** Parses a positive decimal ID below 10^15. Returns undefined for anything else, including "0" (the root folder). */
export function parseDecimalId(text: string): number | undefined {
  return DECIMAL_ID.test(text) ? Number(text) : undefined;
}

/** Encodes the 20 bytes of a SHA-1 in base64, as the `digest` header has them. */
export function sha1ToBase64(sha1: Sha1): string {
  return hexToBase64(sha1);
}

function hexToBase64(hex: string): string {
  return btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16))));
}
