import { Refusal } from '@partway/protocol/errors';
import type { ItemRow } from '../database/schema.ts';

/** The root folder is where it is, as it is. */
export function refuseRoot(folder: Pick<ItemRow, 'parent_id'>): void {
  if (folder.parent_id !== null) return;
  throw new Refusal(
    'access_denied_insufficient_permissions',
    'The root folder cannot be changed, moved, copied or deleted.',
  );
}
