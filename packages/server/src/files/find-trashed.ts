import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';
import { findFile, findFolder } from './find.ts';

export interface Trashed {
  kind: ItemKind;
  caller: UserId;
  id: ItemId;
}

/** An item of the caller's that is in the trash, by itself or with a folder. Refuses `not_found` and `not_trashed`. */
export async function findTrashed(db: Kysely<Tables>, { kind, caller, id }: Trashed): Promise<ItemRow> {
  const item = await (kind === 'file' ? findFile : findFolder)(db, caller, id);
  if (item === undefined) throw new Refusal('not_found', `There is no such ${kind}.`);
  if (item.trashed_at === null) throw new Refusal('not_trashed', `The ${kind} is not in the trash.`);
  return item;
}

/** An item that went to the trash by itself, to be taken out of it. Refuses, besides, what went with a folder as `trashed`. */
export async function needTrashed(db: Kysely<Tables>, trashed: Trashed): Promise<ItemRow> {
  const item = await findTrashed(db, trashed);
  if (item.trashed_with === item.id) return item;
  throw new Refusal(
    'trashed',
    `The ${trashed.kind} went to the trash with the folder ${item.trashed_with}: take that.`,
  );
}
