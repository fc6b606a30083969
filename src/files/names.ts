import { Refusal } from '../api/refusal.ts';

const MOST_CHARACTERS = 255;

/** Refuses what cannot be the name of a file or folder (wire: "Errors", names). */
export function checkName(name: string): void {
  const fault = faultOf(name);
  if (fault !== undefined) throw new Refusal('item_name_invalid', `This name cannot be used: ${fault}.`);
  if ([...name].length > MOST_CHARACTERS) {
    throw new Refusal('item_name_too_long', `A name has at most ${MOST_CHARACTERS} characters.`);
  }
}

/** A name as it is compared with its siblings': two that differ in case or in Unicode composition only are one name. */
export function nameKey(name: string): string {
  return name.normalize('NFC').toLowerCase().normalize('NFC');
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return `"${name}" means another folder`;
  if (/[/\\]/.test(name)) return 'it holds a slash or backslash';
  if (/\p{Cc}/u.test(name)) return 'it holds a control character';
  if (name.endsWith(' ')) return 'it ends with a space';
  if (!name.isWellFormed()) return 'it is not valid Unicode';
  return undefined;
}
