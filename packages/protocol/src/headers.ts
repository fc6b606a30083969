import { parseSha1Hex, type Sha1 } from './ids.ts';

/** What `content-range: bytes FIRST-LAST/TOTAL` says; nothing of it is checked against anything yet. */
export interface ContentRange {
  first: number;
  last: number;
  total: number;
}

const CONTENT_RANGE = /^\s*bytes\s+([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16})\s*$/i;
/** 20 bytes in base64, the last of its 28 characters padding. */
const SHA1_BASE64 = /^[A-Za-z0-9+/]{27}=$/;

/** RFC 9110, section 14.4, with a full range; undefined for any other form. */
export function parseContentRange(header: string): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(header);
  if (match === null) return undefined;
  return { first: Number(match[1]), last: Number(match[2]), total: Number(match[3]) };
}

/** The SHA-1 in `digest: sha=…` (RFC 3230), the algorithm's name in any case, others beside it passed over. */
export function parseDigest(header: string): Sha1 | undefined {
  for (const entry of header.split(',')) {
    const [algorithm = '', ...value] = entry.split('=');
    const base64 = value.join('=').trim();
    if (algorithm.trim().toLowerCase() === 'sha' && SHA1_BASE64.test(base64)) return parseSha1Hex(base64ToHex(base64));
  }
  return undefined;
}

function base64ToHex(base64: string): string {
  return Array.from(atob(base64), (char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}
