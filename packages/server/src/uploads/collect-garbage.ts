import type { Millis } from '@partway/protocol/ids';
import type { UploadContext } from './context.ts';
import { deleteUnreferenced } from './delete-unreferenced.ts';
import { OrphanScan } from './orphan-scan.ts';

/**
 * Removes at once everything in the store that no version and no session names: what crashes left, and, with no
 * `retention`, also what no row explains. What this process is storing is passed over, and so is what is young.
 * @returns How many it removed.
 */
export async function collectGarbage(
  context: Pick<UploadContext, 'db' | 'blobs' | 'inFlight' | 'clock'>,
  { grace, retention = 0 }: { grace: Millis; retention?: Millis },
): Promise<number> {
  const deleted = await deleteUnreferenced(context, { grace });
  return deleted + (await new OrphanScan(context, { grace, retention }).run());
}
