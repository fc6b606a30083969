import { wireDateFault } from './dates.ts';
import type { Fault } from './fault.ts';
import { itemNameFault, loginFault, timeZoneFault, userNameFault } from './names.ts';

/**
 * What the `format` of a text in a schema means: undefined for a text that has it, or else what is wrong. Every concept
 * whose rule no JSON Schema can say is one of these, and so has one rule on all its ways in.
 */
export const FORMATS: Readonly<Record<string, (text: string) => Fault | undefined>> = {
  'item-name': itemNameFault,
  'wire-date': wireDateFault,
  login: loginFault,
  'user-name': userNameFault,
  'time-zone': timeZoneFault,
};
