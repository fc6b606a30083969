/**
 * Compares a folder of a million items with one of a hundred: reading a page, a name and the folder, and adding a file. Calls
 * the domain functions directly, without the network. `node bench/folder.ts [items]`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import type { BlobId, ItemId, Sha1, VersionId } from '../packages/protocol/src/ids.ts';
import { addUser } from '../packages/server/src/auth/accounts.ts';
import { migrate } from '../packages/server/src/database/migrate.ts';
import type { ItemRow, Tables, UserRow } from '../packages/server/src/database/schema.ts';
import { openSqlite } from '../packages/server/src/database/sqlite/sqlite.ts';
import { newId } from '../packages/server/src/database/values.ts';
import type { FileContext } from '../packages/server/src/files/context.ts';
import { describeFolder, findFolder } from '../packages/server/src/files/find.ts';
import { createFolder } from '../packages/server/src/files/items.ts';
import { findNameConflict } from '../packages/server/src/files/names.ts';
import { type ItemOrder, listByMarker, listByOffset } from '../packages/server/src/files/paging.ts';
import { publishNewFile } from '../packages/server/src/files/publish.ts';
import { DEFAULT_LIMITS } from '../packages/server/src/limits.ts';
import { openDiskStore } from '../packages/server/src/storage/disk/disk-store.ts';
import { InFlightBlobs } from '../packages/server/src/storage/in-flight.ts';
import { GuardedClock } from '../packages/server/src/time/clock.ts';
import { SerialQueue } from '../packages/server/src/util/keyed-queue.ts';
import { deleteAtExit } from '../test/support/leftovers.ts';
import { median, saveResults } from './support.ts';

const MANY = Number(process.argv[2] ?? 1_000_000);
const FEW = 100;
const ROUNDS = 200;
const WARM_UP = 50;
const ROWS_A_STATEMENT = 500;
const ROWS_A_TRANSACTION = 50_000;
const SHA1 = 'a'.repeat(40) as Sha1;

const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-bench-folder-')));
const db = openSqlite(join(home, 'rows.sqlite'));
await migrate(db);
const blobs = await openDiskStore(home);
const files: FileContext = {
  db,
  blobs,
  inFlight: new InFlightBlobs(),
  clock: new GuardedClock(),
  maxFileSize: 1e9,
  limits: DEFAULT_LIMITS,
  trashRetention: { period: undefined, since: 0 },
  treeBatches: new SerialQueue(),
};
const owner = await addUser(db, { login: 'bench', name: 'Bench', now: Date.now() });

const folders: ItemRow[] = [];
for (const items of [FEW, MANY]) {
  const begun = performance.now();
  folders.push(await filledFolder(items));
  console.error(`${items} items created in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}
const results: Record<string, number>[] = [];
for (const folder of folders) results.push(await measure(folder));
const [few = {}, many = {}] = results;
console.log(`median of ${ROUNDS}, in ms: ${FEW} items, ${MANY} items`);
for (const [what, millis] of Object.entries(few)) {
  console.log(
    `${what.padEnd(34)} ${millis.toFixed(2).padStart(7)} ${(many[what] ?? Number.NaN).toFixed(2).padStart(7)}`,
  );
}
console.error(await saveResults('folder', { items: [FEW, MANY], rounds: ROUNDS, medianMillis: results }));
await db.destroy();
await rm(home, { recursive: true });

async function measure(folder: ItemRow): Promise<Record<string, number>> {
  const middle = `item ${String(Math.floor(folder.child_count / 2)).padStart(9, '0')}`;
  const byName: ItemOrder = { by: 'name', direction: 'asc' };
  const marker = { ...byName, kind: 'file' as const, key: middle, id: 0 as ItemId };
  const order = (by: ItemOrder['by']): ItemOrder => ({ by, direction: 'desc' });
  let made = 0;
  return {
    'first page of 100': await timed(() => listByMarker(db, folder, { marker: undefined, limit: 100 })),
    'page in the middle, by marker': await timed(() => listByMarker(db, folder, { marker, limit: 100 })),
    'page by offset, with the total': await timed(() => listByOffset(db, folder, { offset: 0, limit: 100 })),
    'page by date, newest first': await timed(() =>
      listByMarker(db, folder, { marker: undefined, limit: 100, order: order('date') }),
    ),
    'page by size, largest first': await timed(() =>
      listByMarker(db, folder, { marker: undefined, limit: 100, order: order('size') }),
    ),
    'an existing name': await timed(() => findNameConflict(db, { folderId: folder.id, name: middle })),
    'an unused name': await timed(() => findNameConflict(db, { folderId: folder.id, name: 'free' })),
    'the folder with its size': await timed(async () => {
      const found = await findFolder(db, owner.id, folder.id);
      return found && describeFolder(db, found);
    }),
    'a new file': await timed(() => addFile(folder, `new ${made++}`)),
  };
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  for (let round = 0; round < WARM_UP; round++) await act();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    await act();
    times.push(performance.now() - begun);
  }
  return median(times);
}

function addFile(folder: ItemRow, name: string): Promise<unknown> {
  const made = {
    blob: newId<number>().toString(16) as BlobId,
    size: 1,
    sha1: SHA1,
    by: owner.id,
    now: Date.now(),
    maxItems: DEFAULT_LIMITS.items,
  };
  return db.transaction().execute((tx) => publishNewFile(tx, { folderId: folder.id, name }, made));
}

/** Creates a folder with this many files directly in the tables. */
async function filledFolder(items: number): Promise<ItemRow> {
  const folder = await createFolder(files, { caller: owner.id, folderId: owner.root_id, name: `of ${items}` });
  for (let from = 0; from < items; from += ROWS_A_TRANSACTION) {
    await db.transaction().execute(async (tx) => {
      const end = Math.min(items, from + ROWS_A_TRANSACTION);
      for (let at = from; at < end; at += ROWS_A_STATEMENT) {
        await insertFiles(tx, owner, folder.id, at, Math.min(end, at + ROWS_A_STATEMENT));
      }
    });
  }
  await db.updateTable('items').set({ child_count: items, size: items }).where('id', '=', folder.id).execute();
  return { ...folder, child_count: items, size: items };
}

async function insertFiles(
  tx: Kysely<Tables>,
  by: UserRow,
  folderId: ItemId,
  from: number,
  end: number,
): Promise<void> {
  const at = Date.now();
  const rows = Array.from({ length: end - from }, (_, n) => {
    const name = `item ${String(from + n).padStart(9, '0')}`;
    const stamp = { created_at: at, modified_at: at + from + n, content_created_at: at, content_modified_at: at };
    return {
      item: {
        ...{ id: newId<ItemId>(), kind: 'file' as const, owner_id: by.id, parent_id: folderId, name, name_key: name },
        ...{ description: '', etag: 0, version_id: newId<VersionId>(), created_by: by.id, modified_by: by.id },
        ...{ trashed_at: null, trashed_with: null, size: 1, ...stamp },
      },
      name,
    };
  });
  await tx
    .insertInto('items')
    .values(rows.map(({ item }) => item))
    .execute();
  const versions = rows.map(({ item, name }) => ({
    ...{ id: item.version_id, file_id: item.id, blob_id: String(item.id) as BlobId, name, size: 1 },
    ...{ sha1: SHA1, created_at: at, created_by: by.id },
  }));
  await tx.insertInto('versions').values(versions).execute();
}
