import type { Fault } from './fault.ts';

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
