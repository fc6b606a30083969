import type { Sha1 } from './ids.ts';

/** A parsed `content-range: bytes FIRST-LAST/TOTAL`. The numbers are not checked against each other. */
export interface ContentRange {
  first: number;
  last: number;
  total: number;
}

const CONTENT_RANGE = /^\s*bytes\s+([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16})\s*$/i;
/** 20 bytes in base64: 28 characters, of which the last is padding. */
const SHA1_BASE64 = /^[A-Za-z0-9+/]{27}=$/;

/** Parses a complete range (RFC 9110, section 14.4). Returns undefined for any other form, such as one with `*`. */
export function parseContentRange(header: string): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(header);
  if (match === null) return undefined;
  return { first: Number(match[1]), last: Number(match[2]), total: Number(match[3]) };
}

/**
 * Parses the SHA-1 in `digest: sha=…` (RFC 3230). The name of the algorithm is case-insensitive, and other algorithms are
 * skipped. Returns undefined if there is no valid SHA-1.
 */
export function parseDigest(header: string): Sha1 | undefined {
  for (const entry of header.split(',')) {
    const [algorithm = '', ...value] = entry.split('=');
    const base64 = value.join('=').trim();
    if (algorithm.trim().toLowerCase() === 'sha' && SHA1_BASE64.test(base64)) return base64ToHex(base64) as Sha1;
  }
  return undefined;
}

function base64ToHex(base64: string): string {
  const bytes = atob(base64);
  let hex = '';
  for (let at = 0; at < bytes.length; at++) hex += bytes.charCodeAt(at).toString(16).padStart(2, '0');
  return hex;
}
