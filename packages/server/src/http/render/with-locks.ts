import type { Files } from '../../files/context.ts';
import type { FileEntry, FolderEntry } from '../../files/find.ts';
import { findLocks, type Lock } from '../../files/locks.ts';
import type { Fields } from './fields.ts';

/** These entries, those of files with their lock where the answer is to show it. */
export async function withLocks<Entry extends FileEntry | FolderEntry>(
  { db, clock }: Files,
  entries: readonly Entry[],
  fields: Fields | undefined,
): Promise<(Entry & { lock?: Lock | undefined })[]> {
  if (!fields?.has('lock')) return [...entries];
  const ids = entries.filter(({ item }) => item.kind === 'file').map(({ item }) => item.id);
  const locks = await findLocks(db, ids, clock.expiryTime());
  return entries.map((entry) => ({ ...entry, lock: locks.get(entry.item.id) }));
}
