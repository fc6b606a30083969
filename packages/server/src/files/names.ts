import { Refusal } from '@partway/protocol/errors';
import { itemNameFault } from '@partway/protocol/names';
import { foldCase } from '@partway/protocol/text';

/** Refuses what cannot be the name of a file or folder (wire: "Errors", names). */
export function checkName(name: string): void {
  const fault = itemNameFault(name);
  if (fault !== undefined) throw new Refusal(fault.code ?? 'item_name_invalid', `The name ${fault.says}.`);
}

/** A name as it is compared with its siblings': two that differ in case or in Unicode composition only are one name. */
export function nameKey(name: string): string {
  return foldCase(name);
}
