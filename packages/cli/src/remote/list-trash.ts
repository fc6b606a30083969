import type { NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import type { Item } from './find-item.ts';
import { isId } from './paths.ts';

/** An item in the trash. Items in a trashed folder are not listed by themselves. */
export interface TrashedItem extends Item {
  /** Bytes; for a folder, the total of everything in it. */
  size: number;
  /** RFC 3339 */
  trashedAt: string | null;
  /** RFC 3339; when it will be deleted permanently, or null if it is kept. */
  purgedAt: string | null;
}

const PAGE_SIZE = 1000;
const FIELDS = ['name', 'size', 'trashed_at', 'purged_at'] as const;

/** Lists the items in the trash, page by page. */
export async function* listTrash(client: NodeClient): AsyncGenerator<TrashedItem> {
  let marker: string | undefined;
  do {
    const queryParams = { fields: FIELDS, usemarker: true, limit: PAGE_SIZE, ...(marker !== undefined && { marker }) };
    const page = await client.trashedItems.getTrashedItems({ queryParams });
    for (const { type, id, name, size, trashed_at, purged_at } of page.entries) {
      yield { type, id, name, size: size ?? 0, trashedAt: trashed_at ?? null, purgedAt: purged_at ?? null };
    }
    marker = page.next_marker ?? undefined;
  } while (marker !== undefined);
}

/**
 * Returns the items in the trash with these IDs or names, without duplicates.
 * @throws Failure if there is none for one of them, or several have the name.
 */
export async function getTrashedItems(client: NodeClient, texts: readonly string[]): Promise<TrashedItem[]> {
  const matches = new Map<string, TrashedItem[]>(texts.map((text) => [text, []]));
  for await (const item of listTrash(client)) {
    for (const [text, found] of matches) {
      if (isId(text) ? item.id === text : nameKey(item.name) === nameKey(text)) found.push(item);
    }
  }
  return [...new Set([...matches].map(([text, found]) => getOnly(text, found)))];
}

function getOnly(text: string, found: readonly TrashedItem[]): TrashedItem {
  const [item, ...others] = found;
  if (item === undefined) {
    const what = isId(text) ? `item with the ID ${text}` : escapeControl(text);
    throw new Failure(EXIT.notFound, `There is no ${what} in the trash. List it with: partway trash list`);
  }
  if (others.length === 0) return item;
  const ids = found.map(({ type, id }) => escapeControl(`${type} ${id}`)).join(', ');
  const message = `${found.length} items in the trash have the name ${escapeControl(text)}. Choose one by its ID: ${ids}.`;
  throw new Failure(EXIT.conflict, message);
}
