import { ApiError } from '../api-error.ts';
import { decodeText } from './decode-text.ts';

/** Maximum nesting of arrays and objects. Requests of this API need six levels. */
export const MAX_JSON_NESTING = 32;
/** Maximum number of values. A commit of 10,000 parts has 50,000. */
export const MAX_JSON_VALUES = 100_000;

/**
 * Parses JSON. Text that would block the event loop, with deep nesting or too many values, is rejected before it is
 * parsed. Throws `bad_request`, and the errors of `decodeText`.
 * @param subject What errors call the text, such as "The body".
 */
export function parseJson(bytes: Uint8Array, charset: string | undefined, subject: string): unknown {
  const text = decodeText(bytes, charset, subject);
  checkShape(text, subject);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('bad_request', `${subject} is not valid JSON.`, { cause: error });
  }
}

/** Counts values without building them, which takes a few milliseconds at most for the largest body of any shape. */
function checkShape(text: string, subject: string): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = findStringEnd(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > MAX_JSON_NESTING) {
          throw new ApiError('bad_request', `${subject} is nested more than ${MAX_JSON_NESTING} levels deep.`);
        }
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        if (values > MAX_JSON_VALUES) {
          throw new ApiError('bad_request', `${subject} contains more than ${MAX_JSON_VALUES} values.`);
        }
    }
  }
}

/**
 * The number of characters of a string that are scanned one by one before `indexOf` is used, which is faster if it is
 * long.
 */
const SCANNED_CHARACTERS = 32;

/**
 * Finds the closing quote of the string that begins at `start`, or the end of the text. If `indexOf` finds an escaped
 * quote, the next characters are scanned again, so that a string with many escapes does not cost a search for each.
 */
function findStringEnd(text: string, start: number): number {
  let scanned = 0;
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at;
    scanned += 1;
    if (code === 0x5c) {
      at += 1;
    } else if (scanned >= SCANNED_CHARACTERS) {
      const quote = text.indexOf('"', at);
      if (quote === -1) return text.length;
      if (!isEscaped(text, quote, at)) return quote;
      at = quote;
      scanned = 0;
    }
  }
  return text.length;
}

/** Whether the quote at `at` follows an odd number of backslashes. `from` is a position before all of them. */
function isEscaped(text: string, at: number, from: number): boolean {
  let first = at;
  while (first - 1 > from && text.charCodeAt(first - 1) === 0x5c) first -= 1;
  return (at - first) % 2 === 1;
}
