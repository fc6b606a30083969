import { isAscii, isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api-error.ts';

/** Charsets in which bytes below 0x80 stand for other characters than in ASCII, and which are not decoded here. */
const NOT_ASCII = ['utf-7', 'utf7', 'hz-', 'iso-2022-', 'iso2022', 'utf-32', 'utf32', 'ucs-4', 'ibm', 'ebcdic', 'cp0'];

/**
 * Text that a client sent, without loss: bytes that are no text in the declared charset (UTF-8 if there is none) are
 * refused instead of replaced, since two different names would become one. A byte order mark is dropped.
 * `subject` is what refusals call the text. Throws `bad_request`, or `unsupported_media_type` for an unknown charset.
 */
export function decodeText(bytes: Uint8Array, charset: string | undefined, subject: string): string {
  const fast = tryDecodeUtf8(bytes, charset);
  if (fast !== undefined) return fast;
  const decoder = createDecoder(bytes, charset, subject);
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new ApiError('bad_request', `${subject} is not ${nameOf(decoder)}: send it as UTF-8.`, { cause: error });
  }
}

/** The same as a decoder for UTF-8 makes of it, at a third of its cost; undefined if the bytes are not valid UTF-8. */
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
    // Words such as "binary" or "undefined" name no charset. In ASCII they cannot change what is said.
    if (isAscii(bytes) && !NOT_ASCII.some((known) => label.startsWith(known))) return new TextDecoder();
    const shown = JSON.stringify(label.slice(0, 40));
    throw new ApiError(
      'unsupported_media_type',
      `${subject} is in the charset ${shown}, which is not known here: send UTF-8.`,
      {
        cause: error,
      },
    );
  }
}

/** UTF-16 says its byte order itself: by its mark, or by where the zero of its first character is. */
function detectUtf16([first, second]: Uint8Array): string {
  return first === 0 || (first === 0xfe && second === 0xff) ? 'utf-16be' : 'utf-16le';
}

function nameOf({ encoding }: TextDecoder): string {
  return encoding.toUpperCase();
}

/** What an address may hold (RFC 3986): everything else is percent-encoded. */
const ASCII = /^[\x21-\x7e]*$/;

/**
 * Refuses addresses whose query is not UTF-8, percent-encoded. Left to the parser it would be replaced or passed on as it
 * is, so that a client would be answered about another text than it means.
 */
export function rejectUndecodableQueries(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ url }) => {
    if (!ASCII.test(url)) throw new ApiError('bad_request', 'The address is not ASCII: percent-encode its UTF-8.');
    const start = url.indexOf('?');
    if (start >= 0) checkPercentEncoding(url.slice(start + 1), 'The query');
  });
}

/** The pairs of a form or a query, in which every byte means what it was sent as. */
export function parseForm(text: string, subject: string): URLSearchParams {
  checkPercentEncoding(text, subject);
  return new URLSearchParams(text);
}

function checkPercentEncoding(text: string, subject: string): void {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch (error) {
    throw new ApiError('bad_request', `${subject} is not UTF-8, percent-encoded: write a percent sign as %25.`, {
      cause: error,
    });
  }
  if (!decoded.isWellFormed()) throw new ApiError('bad_request', `${subject} holds half of a surrogate pair.`);
}
