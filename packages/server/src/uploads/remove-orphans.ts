import type { Millis } from '@partway/protocol/ids';
import type { Uploads } from './context.ts';
import { deleteUnreferenced } from './delete-unreferenced.ts';
import { OrphanSearch } from './orphan-search.ts';

/**
 * Removes at once everything in the store that no version and no session names: what crashes left, and, with no
 * `retention`, also what no row explains. What this process is storing is passed over, and so is what is young.
 * @returns How many it removed.
 */
export async function removeOrphans(
  uploads: Pick<Uploads, 'db' | 'content' | 'inHand' | 'clock'>,
  { grace, retention = 0 }: { grace: Millis; retention?: Millis },
): Promise<number> {
  const deleted = await deleteUnreferenced(uploads, { grace });
  return deleted + (await new OrphanSearch(uploads, { grace, retention }).round());
}
