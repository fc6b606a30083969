import type { Fault } from './fault.ts';
import { foldCase } from './text.ts';

/** Code points, as people count characters, whatever they take in UTF-8 or UTF-16. */
const MOST_NAME_CHARACTERS = 255;

/**
 * What keeps a text from being the name of a file or folder (wire: "Errors", names); undefined for a name. A name is
 * kept as it was sent; `nameKey` says which two are the same.
 */
export function itemNameFault(name: string): Fault | undefined {
  const why = reasonAgainst(name);
  if (why !== undefined) return { says: `cannot be used as a name: ${why}`, kind: 'name-invalid' };
  // No more code points than UTF-16 units, and no fewer than half of them: a huge text is not taken apart.
  if (name.length > 2 * MOST_NAME_CHARACTERS || [...name].length > MOST_NAME_CHARACTERS) {
    return { says: `must have at most ${MOST_NAME_CHARACTERS} characters`, kind: 'name-too-long' };
  }
  return undefined;
}

function reasonAgainst(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return `"${name}" means another folder`;
  if (/[/\\]/.test(name)) return 'it contains a slash or backslash';
  if (/\p{Cc}/u.test(name)) return 'it contains a control character';
  if (name.endsWith(' ')) return 'it ends with a space';
  if (!name.isWellFormed()) return 'it is not valid Unicode';
  return undefined;
}

const LONGEST = 254;

/** Why a text cannot be a login; undefined if it can. A login does not have to be an e-mail address: no mail is sent. */
export function loginFault(login: string): Fault | undefined {
  if (login.length <= LONGEST && /^[^\s\p{C}]+$/u.test(login)) return undefined;
  return { says: `must have 1 to ${LONGEST} characters, and no spaces` };
}

/** What keeps a text from being the name of a user or an app; undefined for one. */
export function userNameFault(name: string): Fault | undefined {
  if (name.length <= LONGEST && name.trim() !== '' && !/\p{C}/u.test(name)) return undefined;
  return { says: `must have 1 to ${LONGEST} characters, which can be seen` };
}

/** What keeps a text from being a time zone of the IANA database; undefined for one. */
export function timeZoneFault(zone: string): Fault | undefined {
  const fault = { says: 'must be a time zone like Europe/Paris' };
  if (zone.length > 64 || !/^[A-Za-z]/.test(zone)) return fault;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return undefined;
  } catch {
    return fault;
  }
}

/** A name as it is compared with its siblings': two that differ in case or in Unicode composition only are one name. */
export function nameKey(name: string): string {
  return foldCase(name);
}
