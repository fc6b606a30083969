import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Files } from './context.ts';
import { describeFile, type FileEntry } from './find.ts';

/** A file of the caller's, also from the trash. Refuses `not_found`, also for those of others. */
export async function readFile({ db }: Files, caller: UserId, id: ItemId): Promise<FileEntry> {
  const entry = await describeFile(db, id);
  if (entry?.item.owner_id !== caller) throw new Refusal('not_found', `There is no file ${id}.`);
  return entry;
}
