import { isStorableText, NOT_STORABLE } from '@partway/protocol/text';
import { ApiError } from '../api-error.ts';

/**
 * Throws `bad_request` with the field's name if a JSON value contains a text, as key or value, that not all databases
 * can store. Takes linear time, regardless of nesting.
 */
export function checkTexts(value: unknown, subject: string): void {
  const remaining: [path: string, value: unknown][] = [['', value]];
  for (let next = remaining.pop(); next !== undefined; next = remaining.pop()) {
    const [path, current] = next;
    if (typeof current === 'string' && !isStorableText(current)) throw notStorableError(path === '' ? subject : path);
    if (typeof current !== 'object' || current === null) continue;
    for (const [key, member] of Object.entries(current)) {
      if (!isStorableText(key)) throw notStorableError(`${path === '' ? subject : path} has a field whose name`);
      if (typeof member === 'string' || typeof member === 'object') {
        remaining.push([path === '' ? key : `${path}.${key}`, member]);
      }
    }
  }
}

function notStorableError(subject: string): ApiError {
  return new ApiError('bad_request', `${subject} ${NOT_STORABLE}.`);
}
