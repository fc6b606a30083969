import { parseDecimalId } from '@partway/protocol/ids';
import type { ItemKind } from '../database/schema.ts';

/** The file or folder that an address of the API names; folder 0 is the root folder. */
export interface Resource {
  kind: ItemKind;
  id: number;
}

const PATH = /(?:^|\/)(files|folders)\/([0-9]+)\/?$/;

/**
 * Reads `https://api.box.com/2.0/files/123`, or its end. Whose host it is does not matter: clients have Box's built in,
 * and an id that is not here is refused later.
 */
export function parseResource(text: string): Resource | undefined {
  const path = URL.canParse(text) ? new URL(text).pathname : text;
  const [, collection, digits = ''] = PATH.exec(path) ?? [];
  const id = digits === '0' ? 0 : parseDecimalId(digits);
  if (collection === undefined || id === undefined) return undefined;
  return { kind: collection === 'files' ? 'file' : 'folder', id };
}
