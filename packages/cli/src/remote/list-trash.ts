import type { NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';
import type { Item } from './find-item.ts';
import { listPages } from './pages.ts';
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

const FIELDS = ['name', 'size', 'trashed_at', 'purged_at'] as const;

/** Lists the items in the trash, page by page. */
export async function* listTrash(client: NodeClient): AsyncGenerator<TrashedItem> {
  const entries = listPages((page) =>
    client.trashedItems.getTrashedItems({ queryParams: { fields: FIELDS, usemarker: true, ...page } }),
  );
  for await (const { type, id, name, size, trashed_at, purged_at } of entries) {
    yield { type, id, name, size: size ?? 0, trashedAt: trashed_at ?? null, purgedAt: purged_at ?? null };
  }
}

/**
 * Returns the items in the trash with these IDs or names, without duplicates.
 * @throws Failure if there is none for one of them, or several have the name.
 */
export async function getTrashedItems(client: NodeClient, texts: readonly string[]): Promise<TrashedItem[]> {
  const wanted = texts.map((text) => ({ text, key: isId(text) ? text : nameKey(text), found: [] as TrashedItem[] }));
  for await (const item of listTrash(client)) {
    const key = nameKey(item.name);
    for (const one of wanted) if (one.key === (isId(one.text) ? item.id : key)) one.found.push(item);
  }
  return [...new Set(wanted.map(({ text, found }) => getOnly(text, found)))];
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
