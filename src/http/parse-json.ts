import { Refusal } from '../api/refusal.ts';
import { decodeText } from './decode-text.ts';

/** How deep arrays and objects may lie in each other. What this API takes needs six. */
export const MOST_JSON_NESTING = 32;
/** How many values and members a text may hold. A commit of 10,000 parts has 50,000. */
export const MOST_JSON_VALUES = 100_000;

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
    throw new Refusal('bad_request', `${subject} is not JSON.`, { cause: error });
  }
}

/** Counts without building anything: a few milliseconds for the largest body, however it is made. */
function checkShape(text: string, subject: string): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > MOST_JSON_NESTING) {
          throw new Refusal('bad_request', `${subject} is nested more than ${MOST_JSON_NESTING} levels deep.`);
        }
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        if (values > MOST_JSON_VALUES) {
          throw new Refusal('bad_request', `${subject} holds more than ${MOST_JSON_VALUES} values.`);
        }
    }
  }
}

/** Where the string that begins at `start` has its closing quote; the end of the text if it has none. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== 0x22 && at < text.length; code = text.charCodeAt(at)) {
    at += code === 0x5c ? 2 : 1;
  }
  return at;
}
