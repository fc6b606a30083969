import { ApiError } from '../api-error.ts';
import { decodeText } from './decode-text.ts';

/** How deep arrays and objects may lie in each other. What this API takes needs six. */
export const MAX_JSON_NESTING = 32;
/** How many values and members a text may hold. A commit of 10,000 parts has 50,000. */
export const MAX_JSON_VALUES = 100_000;

/**
 * The value of a JSON text. What would hold up the server is refused before it is parsed: deep nesting, and more values
 * than any call needs. `subject` is what refusals call the text.
 */
export function parseJson(bytes: Uint8Array, charset: string | undefined, subject: string): unknown {
  const text = decodeText(bytes, charset, subject);
  checkShape(text, subject);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('bad_request', `${subject} is not JSON.`, { cause: error });
  }
}

/** Counts without building anything: a few milliseconds for the largest body, however it is made. */
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
          throw new ApiError('bad_request', `${subject} holds more than ${MAX_JSON_VALUES} values.`);
        }
    }
  }
}

/** So many characters of a string are looked at one by one before its end is searched for, which is faster in long ones. */
const SCANNED_CHARACTERS = 32;

/**
 * Where the string that begins at `start` has its closing quote; the end of the text if it has none. A search that finds
 * an escaped quote is followed by a walk, so that strings of many escapes cost no search for each.
 */
function findStringEnd(text: string, start: number): number {
  let walked = 0;
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at;
    walked += 1;
    if (code === 0x5c) {
      at += 1;
    } else if (walked >= SCANNED_CHARACTERS) {
      const quote = text.indexOf('"', at);
      if (quote === -1) return text.length;
      if (!isEscaped(text, quote, at)) return quote;
      at = quote;
      walked = 0;
    }
  }
  return text.length;
}

/** Whether the quote at `at` follows an odd number of backslashes; `from` is before all of them. */
function isEscaped(text: string, at: number, from: number): boolean {
  let first = at;
  while (first - 1 > from && text.charCodeAt(first - 1) === 0x5c) first -= 1;
  return (at - first) % 2 === 1;
}
