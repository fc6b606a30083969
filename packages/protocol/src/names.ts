import type { Fault } from './fault.ts';
import { foldCase } from './text.ts';

/** In code points, regardless of their length in UTF-8 or UTF-16. */
const MAX_ITEM_NAME_CHARACTERS = 255;

/**
 * Returns why a text cannot be the name of a file or folder, or undefined if it can. Names are
 * stored as they were sent; `nameKey` decides which names are the same.
 */
export function itemNameFault(name: string): Fault | undefined {
  const problem = findNameProblem(name);
  if (problem !== undefined) return { message: `cannot be used as a name: ${problem}`, kind: 'name-invalid' };
  // A code point has one or two UTF-16 units: the first condition avoids splitting a huge text.
  if (name.length > 2 * MAX_ITEM_NAME_CHARACTERS || [...name].length > MAX_ITEM_NAME_CHARACTERS) {
    return { message: `must have at most ${MAX_ITEM_NAME_CHARACTERS} characters`, kind: 'name-too-long' };
  }
  return undefined;
}

function findNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return `"${name}" refers to another folder`;
  if (/[/\\]/.test(name)) return 'it contains a slash or backslash';
  if (/\p{Cc}/u.test(name)) return 'it contains a control character';
  if (name.endsWith(' ')) return 'it ends with a space';
  if (!name.isWellFormed()) return 'it is not valid Unicode';
  return undefined;
}

const MAX_USER_TEXT_CHARACTERS = 254;

/**
 * Returns why a text cannot be a login, or undefined if it can. A login does not have to be an email address, because
 * the server sends no mail.
 */
export function loginFault(login: string): Fault | undefined {
  if (login.length <= MAX_USER_TEXT_CHARACTERS && /^[^\s\p{C}]+$/u.test(login)) return undefined;
  return { message: `must have 1 to ${MAX_USER_TEXT_CHARACTERS} characters, and no spaces` };
}

/** Returns why a text cannot be the name of a user or an app, or undefined if it can. */
export function userNameFault(name: string): Fault | undefined {
  if (name.length <= MAX_USER_TEXT_CHARACTERS && name.trim() !== '' && !/\p{C}/u.test(name)) return undefined;
  return {
    message: `must have 1 to ${MAX_USER_TEXT_CHARACTERS} characters, not only spaces, and no control characters`,
  };
}

/** Returns why a text cannot be a time zone of the IANA database, or undefined if it can. */
export function timeZoneFault(zone: string): Fault | undefined {
  const fault = { message: 'must be a time zone such as Europe/Paris' };
  if (zone.length > 64 || !/^[A-Za-z]/.test(zone)) return fault;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return undefined;
  } catch {
    return fault;
  }
}

/** Returns the key by which names in a folder are compared: case and Unicode composition make no difference. */
export function nameKey(name: string): string {
  return foldCase(name);
}
