import type { Millis } from '@partway/protocol/ids';
import type { UploadContext } from './context.ts';
import { deleteUnreferenced } from './delete-unreferenced.ts';
import { OrphanScan } from './orphan-scan.ts';

/**
 * Runs garbage collection once over the whole store: deletes unreferenced blobs, and orphans if they were found at least
 * `retention` ago. Skips blobs that this process is writing, and blobs younger than `grace`.
 * @returns The number of deleted blobs.
 */
export async function collectGarbage(
  context: Pick<UploadContext, 'db' | 'blobs' | 'inFlight' | 'clock'>,
  { grace, retention = 0 }: { grace: Millis; retention?: Millis },
): Promise<number> {
  const deleted = await deleteUnreferenced(context, { grace });
  return deleted + (await new OrphanScan(context, { grace, retention }).run());
}
