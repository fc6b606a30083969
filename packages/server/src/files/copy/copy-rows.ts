import type { ItemId, Millis, UserId, VersionId } from '@partway/protocol/ids';
import { sql, type Transaction } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../../database/schema.ts';
import { newId } from '../../database/values.ts';
import { BATCH_ROWS } from '../tree-jobs.ts';

/** Maximum bytes of descriptions and details in one batch. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** The ID of an item and the IDs of its copy. */
interface CopiedIds {
  from: ItemId;
  to: ItemId;
  /** The parent folder of the copy. */
  folder: ItemId;
  /** The copy's version; null for a folder. */
  version: VersionId | null;
}

type PageItem = Pick<ItemRow, 'id' | 'kind' | 'version_id' | 'child_count' | 'size'>;

/** What a batch contains so far. */
interface BatchSize {
  items: number;
  /** Bytes of descriptions and details. */
  textBytes: number;
}

/**
 * Finds the next items of one kind in a folder, ordered by ID, without those in the trash: as many as fit into the
 * batch, and at least one if it is empty. `textBytes` is above the maximum if an item did not fit.
 */
async function findPage(
  tx: Transaction<Tables>,
  { from: folderId, kind, after }: Frame,
  batch: BatchSize,
): Promise<{ page: PageItem[]; textBytes: number; isLast: boolean }> {
  const limit = BATCH_ROWS - batch.items;
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
  let { textBytes } = batch;
  for (const { description_bytes: descriptionBytes, ...item } of rows) {
    textBytes += Number(descriptionBytes);
    if (textBytes > BATCH_BYTES && batch.items + page.length > 0) return { page, textBytes, isLast: false };
    page.push(item);
  }
  return { page, textBytes, isLast: rows.length < limit };
}

function createIds({ id, version_id: version }: Pick<PageItem, 'id' | 'version_id'>, folder: ItemId): CopiedIds {
  return { from: id, to: newId<ItemId>(), folder, version: version === null ? null : newId<VersionId>() };
}

/**
 * Copies rows within the database. Items keep their totals, and a file's current version becomes the copy's only one.
 */
async function copyRows(
  tx: Transaction<Tables>,
  ids: readonly CopiedIds[],
  { by, now }: { by: UserId; now: Millis },
): Promise<void> {
  if (ids.length === 0) return;
  const rows = sql.join(
    ids.map(
      ({ from, to, folder, version }) => sql`(${bigint(from)}, ${bigint(to)}, ${bigint(folder)}, ${bigint(version)})`,
    ),
  );
  const copied = sql`(select column1 as from_id, column2 as to_id, column3 as folder_id, column4 as version_id
    from (values ${rows}) as id_rows) as copied`;
  await sql`insert into items (id, kind, owner_id, parent_id, name, name_key, description, details, etag, version_id, created_at,
      modified_at, content_created_at, content_modified_at, created_by, modified_by, child_count, size)
    select copied.to_id, items.kind, items.owner_id, copied.folder_id, items.name, items.name_key, items.description,
      items.details, 0, copied.version_id, ${bigint(now)}, ${bigint(now)}, items.content_created_at,
      items.content_modified_at, ${bigint(by)}, ${bigint(by)}, items.child_count, items.size
    from ${copied} join items on items.id = copied.from_id`.execute(tx);
  if (ids.every(({ version }) => version === null)) return;
  await sql`insert into versions (id, file_id, blob_id, name, size, sha1, created_at, created_by, number)
    select copied.version_id, copied.to_id, versions.blob_id, items.name, versions.size, versions.sha1, ${bigint(now)},
      ${bigint(by)}, 1
    from ${copied} join items on items.id = copied.from_id join versions on versions.id = items.version_id`.execute(tx);
}

/** Casts a parameter explicitly, because PostgreSQL cannot infer the types of parameters in these statements. */
function bigint(value: number | null) {
  return sql`cast(${value} as bigint)`;
}

/** Maximum number of folder queries per transaction. */
const MAX_STEPS = 50;

interface CopiedBatch {
  items: number;
  /** Bytes of the copied files. */
  bytes: number;
}

/** Remaining work in a folder: its items of this kind after `after`. */
interface Frame {
  from: ItemId;
  to: ItemId;
  kind: ItemKind;
  after: ItemId;
}

/**
 * Copies everything below a folder into a new one, in batches of at most `BATCH_ROWS` items and `BATCH_BYTES`. In
 * memory, it keeps at most one batch of folders per level. The original must not change until the copy is done, because its
 * totals are copied as well.
 */
export class TreeCopy {
  readonly #frames: Frame[];

  constructor({ from, to }: Pick<Frame, 'from' | 'to'>) {
    this.#frames = createFrames([{ from, to }]);
  }

  get isDone(): boolean {
    return this.#frames.length === 0;
  }

  async copyBatch(tx: Transaction<Tables>, createdBy: { by: UserId; now: Millis }): Promise<CopiedBatch> {
    const ids: CopiedIds[] = [];
    let bytes = 0;
    let textBytes = 0;
    for (let steps = 0; steps < MAX_STEPS && ids.length < BATCH_ROWS && textBytes <= BATCH_BYTES; steps++) {
      const frame = this.#frames.pop();
      if (frame === undefined) break;
      const { page, isLast, ...read } = await findPage(tx, frame, { items: ids.length, textBytes });
      textBytes = read.textBytes;
      if (!isLast) this.#frames.push({ ...frame, after: page.at(-1)?.id ?? frame.after });
      const folders: { from: ItemId; to: ItemId }[] = [];
      for (const item of page) {
        const copied = createIds(item, frame.to);
        ids.push(copied);
        if (item.kind === 'file') bytes += item.size;
        else if (item.child_count > 0) folders.push(copied);
      }
      this.#frames.push(...createFrames(folders));
    }
    await copyRows(tx, ids, createdBy);
    return { items: ids.length, bytes };
  }
}

function createFrames(folders: readonly Pick<Frame, 'from' | 'to'>[]): Frame[] {
  return folders.flatMap(({ from, to }) =>
    (['folder', 'file'] as const).map((kind) => ({ from, to, kind, after: 0 as ItemId })),
  );
}
