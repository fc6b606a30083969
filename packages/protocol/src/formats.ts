import { wireDateFault } from './dates.ts';
import type { Fault } from './fault.ts';
import { itemNameFault, loginFault, timeZoneFault, userNameFault } from './names.ts';

/**
 * The checks behind `format` in schemas. Each returns undefined for a valid text, or what is wrong. A rule that JSON
 * Schema cannot express is a format, so that every endpoint applies the same rule.
 */
export const FORMATS: Readonly<Record<string, (text: string) => Fault | undefined>> = {
  'item-name': itemNameFault,
  'wire-date': wireDateFault,
  login: loginFault,
  'user-name': userNameFault,
  'time-zone': timeZoneFault,
};
