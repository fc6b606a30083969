import type { ItemId, Millis, UserId, VersionId } from '@partway/protocol/ids';
import { sql, type Transaction } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../../database/schema.ts';
import { newId } from '../../database/values.ts';
import { BATCH_ROWS } from '../tree-jobs.ts';

/** Bytes of descriptions that one batch copies; only rows of older builds have long ones. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** An item to copy, with the IDs of its copy. */
interface Pair {
  from: ItemId;
  to: ItemId;
  /** The folder that the copy is in. */
  folder: ItemId;
  /** The copy's version; null for a folder. */
  version: VersionId | null;
}

type PageItem = Pick<ItemRow, 'id' | 'kind' | 'version_id' | 'child_count' | 'size'>;

/** The next items in use of a folder, of one kind, in the order of their IDs. */
async function pageToCopy(
  tx: Transaction<Tables>,
  { folderId, kind, after, limit }: { folderId: ItemId; kind: ItemKind; after: ItemId; limit: number },
): Promise<{ page: PageItem[]; isLast: boolean }> {
  const rows = await tx
    .selectFrom('items')
    .select(['id', 'kind', 'version_id', 'child_count', 'size'])
    .select(sql<number>`octet_length(description) + octet_length(details)`.as('description_bytes'))
    .where('parent_id', '=', folderId)
    .where('kind', '=', kind)
    .where('id', '>', after)
    .where('trashed_at', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute();
  const page: PageItem[] = [];
  let bytes = 0;
  for (const { description_bytes: more, ...item } of rows) {
    bytes += Number(more);
    if (bytes > BATCH_BYTES && page.length > 0) return { page, isLast: false };
    page.push(item);
  }
  return { page, isLast: rows.length < limit };
}

function newPair({ id, version_id: version }: Pick<PageItem, 'id' | 'version_id'>, folder: ItemId): Pair {
  return { from: id, to: newId<ItemId>(), folder, version: version === null ? null : newId<VersionId>() };
}

/** Copies rows within the database: an item's counters go with it, a file's current version becomes the copy's first. */
async function copyRows(
  tx: Transaction<Tables>,
  pairs: readonly Pair[],
  { by, now }: { by: UserId; now: Millis },
): Promise<void> {
  if (pairs.length === 0) return;
  const rows = sql.join(
    pairs.map(
      ({ from, to, folder, version }) => sql`(${whole(from)}, ${whole(to)}, ${whole(folder)}, ${whole(version)})`,
    ),
  );
  const pair = sql`(select column1 as from_id, column2 as to_id, column3 as folder_id, column4 as version_id
    from (values ${rows}) as given) as pair`;
  await sql`insert into items (id, kind, owner_id, parent_id, name, name_key, description, details, etag, version_id, created_at,
      modified_at, content_created_at, content_modified_at, created_by, modified_by, child_count, size)
    select pair.to_id, items.kind, items.owner_id, pair.folder_id, items.name, items.name_key, items.description, items.details, 0,
      pair.version_id, ${whole(now)}, ${whole(now)}, items.content_created_at, items.content_modified_at, ${whole(by)},
      ${whole(by)}, items.child_count, items.size
    from ${pair} join items on items.id = pair.from_id`.execute(tx);
  if (pairs.every(({ version }) => version === null)) return;
  await sql`insert into versions (id, file_id, blob_id, name, size, sha1, created_at, created_by, number)
    select pair.version_id, pair.to_id, versions.blob_id, items.name, versions.size, versions.sha1, ${whole(now)},
      ${whole(by)}, 1
    from ${pair} join items on items.id = pair.from_id join versions on versions.id = items.version_id`.execute(tx);
}

/** A number that PostgreSQL, too, takes for a whole one wherever it stands. */
function whole(value: number | null) {
  return sql`cast(${value} as bigint)`;
}

/** Folders that one transaction looks into. */
const MOST_STEPS = 50;

/** What one batch has copied. */
interface Copied {
  items: number;
  /** Bytes of the versions among them. */
  bytes: number;
}

/** A folder that is being copied: its items after `after`, of this kind, are still to come. */
interface Frame {
  from: ItemId;
  to: ItemId;
  kind: ItemKind;
  after: ItemId;
}

/**
 * Copies everything below a folder into a new one, batch by batch: at most `BATCH_ROWS` items each. Memory holds a batch
 * of folders for each level. Nothing in the original changes meanwhile; its counters are copied with the rows.
 */
export class TreeCopy {
  readonly #frames: Frame[];

  constructor({ from, to }: Pick<Frame, 'from' | 'to'>) {
    this.#frames = framesOf([{ from, to }]);
  }

  get isDone(): boolean {
    return this.#frames.length === 0;
  }

  /** Copies the next items. */
  async copyBatch(tx: Transaction<Tables>, stamp: { by: UserId; now: Millis }): Promise<Copied> {
    const pairs: Pair[] = [];
    let bytes = 0;
    for (let steps = 0; steps < MOST_STEPS && pairs.length < BATCH_ROWS; steps++) {
      const frame = this.#frames.pop();
      if (frame === undefined) break;
      const { from: folderId, kind, after } = frame;
      const { page, isLast } = await pageToCopy(tx, { folderId, kind, after, limit: BATCH_ROWS - pairs.length });
      const last = page.at(-1);
      if (!isLast && last !== undefined) this.#frames.push({ ...frame, after: last.id });
      const folders: { from: ItemId; to: ItemId }[] = [];
      for (const item of page) {
        const pair = newPair(item, frame.to);
        pairs.push(pair);
        if (item.kind === 'file') bytes += item.size;
        else if (item.child_count > 0) folders.push(pair);
      }
      this.#frames.push(...framesOf(folders));
    }
    await copyRows(tx, pairs, stamp);
    return { items: pairs.length, bytes };
  }
}

function framesOf(folders: readonly Pick<Frame, 'from' | 'to'>[]): Frame[] {
  return folders.flatMap(({ from, to }) =>
    (['folder', 'file'] as const).map((kind) => ({ from, to, kind, after: 0 as ItemId })),
  );
}
