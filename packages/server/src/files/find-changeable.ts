import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, Tables } from '../database/schema.ts';
import { type FoundItem, findItem } from './find-item.ts';
import { namesEtag } from './if-match.ts';

/**
 * The owner's item, to be changed: in use, and in the state that `ifMatch` names. Refuses `trashed`, and what is missing
 * as `not_found`, or as `precondition_failed` where there is an `ifMatch` (wire: "Errors").
 */
export async function findChangeable(
  db: Kysely<Tables>,
  wanted: { kind: ItemKind; owner: UserId; id: ItemId; ifMatch: string | undefined },
): Promise<FoundItem> {
  const { kind, ifMatch } = wanted;
  const item = await findItem(db, wanted);
  if (item === undefined) {
    throw ifMatch === undefined
      ? new Refusal('not_found', `There is no such ${kind}.`)
      : new Refusal('precondition_failed', `There is no such ${kind}, so If-Match cannot hold.`);
  }
  if (item.trashed_at !== null) throw new Refusal('trashed', `The ${kind} is in the trash.`);
  if (ifMatch !== undefined && !namesEtag(ifMatch, item.etag)) {
    throw new Refusal('precondition_failed', `The ${kind} has changed: its etag is not the one in If-Match.`);
  }
  return item;
}
