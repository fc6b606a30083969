import { Refusal } from '@partway/protocol/errors';
import type { ItemId } from '@partway/protocol/ids';
import type { Marker } from '../../files/paging.ts';
import { isSortBy } from './item-order.ts';

/** A place in a list's order as text that means nothing to clients. */
export function renderMarker({ by, direction, kind, key, id }: Marker): string {
  return Buffer.from(JSON.stringify([by, direction, kind, key, id])).toString('base64url');
}

/** The place in `text`; none, for the beginning, where it is empty. Refuses what was not made here. */
export function parseMarker(text: unknown): Marker | undefined {
  if (text === undefined || text === '') return undefined;
  const [by, direction, kind, key, id] = decoded(text);
  if (
    isSortBy(by) &&
    (direction === 'asc' || direction === 'desc') &&
    (kind === 'file' || kind === 'folder') &&
    (by === 'name' ? typeof key === 'string' : Number.isSafeInteger(key)) &&
    Number.isSafeInteger(id)
  ) {
    return { by, direction, kind, key: key as string | number, id: id as ItemId };
  }
  throw new Refusal('bad_request', 'The marker is not one that this server gave out: begin without one.');
}

function decoded(text: unknown): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(String(text), 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
