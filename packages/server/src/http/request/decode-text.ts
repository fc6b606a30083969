import { isAscii, isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { ApiError } from '../api-error.ts';

/** Unsupported charsets in which bytes below 0x80 are not ASCII. */
const NOT_ASCII = ['utf-7', 'utf7', 'hz-', 'iso-2022-', 'iso2022', 'utf-32', 'utf32', 'ucs-4', 'ibm', 'ebcdic', 'cp0'];

/**
 * Decodes text that a client sent, without loss: bytes that are invalid in the declared charset (UTF-8 by default) are
 * rejected instead of replaced, because replacing could make two different names equal. A byte order mark is dropped.
 * Throws `bad_request`, or `unsupported_media_type` for an unknown charset.
 * @param subject What errors call the text, such as "The body".
 */
export function decodeText(bytes: Uint8Array, charset: string | undefined, subject: string): string {
  const utf8 = tryDecodeUtf8(bytes, charset);
  if (utf8 !== undefined) return utf8;
  const decoder = createDecoder(bytes, charset, subject);
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new ApiError('bad_request', `${subject} is not valid ${decoder.encoding.toUpperCase()}. Send UTF-8.`, {
      cause: error,
    });
  }
}

/**
 * Decodes UTF-8 at a third of the cost of `TextDecoder`, with the same result. Returns undefined if the bytes are not
 * valid UTF-8 or the charset is another one.
 */
function tryDecodeUtf8(bytes: Uint8Array, charset: string | undefined): string | undefined {
  if (charset !== undefined && !/^ *utf-?8 *$/i.test(charset)) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isAscii(buffer)) return buffer.toString('latin1');
  if (!isUtf8(buffer)) return undefined;
  const text = buffer.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function createDecoder(bytes: Uint8Array, charset: string | undefined, subject: string): TextDecoder {
  const label = (charset ?? '').trim().toLowerCase();
  try {
    return new TextDecoder(label === 'utf-16' ? detectUtf16(bytes) : label || 'utf-8', { fatal: true });
  } catch (error) {
    // Some clients send "binary" or "undefined". If the bytes are ASCII, the charset does not matter.
    if (isAscii(bytes) && !NOT_ASCII.some((known) => label.startsWith(known))) return new TextDecoder();
    const quoted = JSON.stringify(label.slice(0, 40));
    throw new ApiError(
      'unsupported_media_type',
      `${subject} has the charset ${quoted}, which is not supported. Send UTF-8.`,
      { cause: error },
    );
  }
}

/**
 * Detects the byte order of UTF-16 from its byte order mark, or from the position of the first character's zero byte.
 */
function detectUtf16([first, second]: Uint8Array): string {
  return first === 0 || (first === 0xfe && second === 0xff) ? 'utf-16be' : 'utf-16le';
}

/** The characters that a URL can contain (RFC 3986). All others must be percent-encoded. */
const ASCII = /^[\x21-\x7e]*$/;

/**
 * Rejects a URL whose query is not percent-encoded UTF-8. The query parser would replace invalid bytes or leave them
 * encoded, and the response would be about another text than the client meant.
 */
export function checkUrlText(url: string): void {
  if (!ASCII.test(url))
    throw new ApiError('bad_request', 'The URL contains characters that are not ASCII. Percent-encode them as UTF-8.');
  const start = url.indexOf('?');
  if (start >= 0) checkPercentEncoding(url.slice(start + 1), 'The query');
}

/** Parses a form or a query. Throws `bad_request` if it is not percent-encoded UTF-8. */
export function parseForm(text: string, subject: string): URLSearchParams {
  checkPercentEncoding(text, subject);
  return new URLSearchParams(text);
}

function checkPercentEncoding(text: string, subject: string): void {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch (error) {
    throw new ApiError('bad_request', `${subject} is not percent-encoded UTF-8. Encode a percent sign as %25.`, {
      cause: error,
    });
  }
  if (!decoded.isWellFormed()) throw new ApiError('bad_request', `${subject} contains an unpaired surrogate.`);
}
