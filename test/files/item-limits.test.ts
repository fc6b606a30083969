import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { findFolder } from '../../packages/server/src/files/find.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import type { Limits } from '../../packages/server/src/limits.ts';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { addFolders, countWrites, createLargeFolder, LARGE } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, asFile, copy, move, promote, purge, readRow, readVersions, restore, trash } from './tree-steps.ts';

async function openFixtureWith(limits: Partial<Limits>): Promise<FilesFixture> {
  const fixture = await openFilesFixture();
  Object.assign(fixture.files.limits, limits);
  return fixture;
}

/** For assert.rejects: accepts an error that names this setting. */
function limitError(env: string, code: string): (error: unknown) => boolean {
  return (error) => {
    const { code: actual, context } = error as { code?: string; context?: { limit?: string } };
    return actual === code && context?.limit === env;
  };
}

const tooMany = limitError('PARTWAY_MAX_ITEMS', 'quota-exceeded');
const tooDeep = limitError('PARTWAY_MAX_DEPTH', 'limit-exceeded');
const tooLarge = limitError('PARTWAY_MAX_COPY_ITEMS', 'limit-exceeded');
const asFolder = ({ id }: { id: ItemId }) => ({ id, kind: 'folder' as const });

async function getItemCount({ files, owner }: FilesFixture): Promise<number> {
  const user = await files.db
    .selectFrom('users')
    .select('item_count')
    .where('id', '=', owner.id)
    .executeTakeFirstOrThrow();
  return user.item_count;
}

test('a user can have exactly as many folders and versions as the limit allows, however they are created', async () => {
  await using fixture = await openFixtureWith({ items: 6 });
  const root = { id: fixture.owner.root_id };
  const folder = await fixture.folder('folder');
  const file = asFile(await fixture.file('a', { parent: folder.id, text: '1' }));
  await addVersion(fixture, file, '2');
  const [first] = await readVersions(fixture, file);
  assert.ok(first);
  await promote(fixture, file, first.id);
  await copy(fixture, file, root, { name: 'b' });
  assert.equal(await getItemCount(fixture), 5);

  await assert.rejects(copy(fixture, asFolder(folder), root, { name: 'copy' }), tooMany);
  await fixture.folder('sixth');
  for (const create of [
    () => fixture.folder('seventh'),
    () => fixture.file('seventh'),
    () => addVersion(fixture, file, '3'),
    () => promote(fixture, file, first.id),
    () => copy(fixture, file, root, { name: 'c' }),
    () => copy(fixture, asFolder(folder), root, { name: 'copy' }),
  ]) {
    await assert.rejects(create(), tooMany, String(create));
  }
  assert.equal(await getItemCount(fixture), 6);
  await assertCountersRight(fixture.files.db);
});

test('items in the trash count until the trash is emptied', async () => {
  await using fixture = await openFixtureWith({ items: 3 });
  const folder = asFolder(await fixture.folder('folder'));
  await fixture.file('a', { parent: folder.id });
  await fixture.file('b', { parent: folder.id });

  await trash(fixture, folder);
  await assert.rejects(fixture.folder('other'), tooMany);
  await restore(fixture, folder);
  await trash(fixture, folder);
  await purge(fixture, folder);

  assert.equal(await getItemCount(fixture), 0);
  await fixture.folder('other');
  await assertCountersRight(fixture.files.db);
});

test('no more folders are created at once than the limit allows', async () => {
  await using fixture = await openFixtureWith({ items: 4 });
  const results = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => fixture.folder(`${n}`)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 4);
  for (const result of results) if (result.status === 'rejected') assert.ok(tooMany(result.reason));
  await assertCountersRight(fixture.files.db);
});

test('one copy can have exactly as many items as the limit allows, and a larger one is rejected before a row is written', async () => {
  await using fixture = await openFixtureWith({ copyItems: LARGE });
  const root = { id: fixture.owner.root_id };
  const { large } = await createLargeFolder(fixture);
  await copy(fixture, asFolder(large), root, { name: 'copy' });

  await fixture.folder('one more', large.id);
  const before = await getItemCount(fixture);
  const writes = await countWrites(fixture.files, (files) =>
    assert.rejects(copy(fixture.withFiles(files), asFolder(large), root, { name: 'second' }), tooLarge),
  );
  assert.ok(writes.all <= 1, `${writes.all} rows`);
  assert.equal(await getItemCount(fixture), before);
  await assertCountersRight(fixture.files.db);
});

/** Creates a chain of folders that starts in the root folder. */
async function createChain(fixture: FilesFixture, depth: number, name = 'deeper'): Promise<ItemId[]> {
  const ids: ItemId[] = [];
  for (let parent = fixture.owner.root_id; ids.length < depth; ) {
    parent = (await fixture.folder(`${name} ${ids.length}`, parent)).id;
    ids.push(parent);
  }
  return ids;
}

test('folders can be exactly as deep as the limit allows, by creation, copy, move and restore', async () => {
  await using fixture = await openFixtureWith({ depth: 5 });
  const levels = await createChain(fixture, 5);
  const [top, , , fourth, fifth] = levels as [ItemId, ItemId, ItemId, ItemId, ItemId];
  await fixture.file('a file fits', { parent: fifth });
  await assert.rejects(fixture.folder('sixth', fifth), tooDeep);

  const [pair] = await createChain(fixture, 2, 'pair');
  assert.ok(pair);
  const two = { id: pair, kind: 'folder' as const };
  for (const act of [copy, move]) await assert.rejects(act(fixture, two, { id: fourth }), tooDeep);
  await copy(fixture, two, { id: levels[2] as ItemId });
  await assert.rejects(copy(fixture, { id: top, kind: 'folder' }, { id: pair }), tooDeep);
  await trash(fixture, two);
  await assert.rejects(restore(fixture, two, { to: { id: fourth } }), tooDeep);
  await restore(fixture, two, { to: { id: levels[2] as ItemId }, name: 'restored' });
  await assertCountersRight(fixture.files.db);
});

test('a tree that is deeper than the limit can still be listed, moved up, trashed, restored to the root and deleted', async () => {
  await using fixture = await openFixtureWith({ depth: 20 });
  const levels = await createChain(fixture, 20);
  const ids = levels as [ItemId, ItemId, ...ItemId[]];
  const last = ids.at(-1) as ItemId;
  await fixture.file('deep', { parent: last });
  fixture.files.limits.depth = 4;

  const { entries } = await listByMarker(fixture.files.db, await readRow(fixture, { id: last }), {
    marker: undefined,
    limit: 10,
  });
  assert.equal(entries[0]?.path.length, 21);
  await assert.rejects(fixture.folder('deeper still', last), tooDeep);
  await move(fixture, { id: ids[1], kind: 'folder' }, { id: fixture.owner.root_id });
  await assert.rejects(move(fixture, { id: ids[1], kind: 'folder' }, { id: ids[0] }), tooDeep);
  const folder = { id: ids[1], kind: 'folder' as const };
  await trash(fixture, folder);
  await assert.rejects(restore(fixture, folder, { to: { id: ids[0] } }), tooDeep);
  await restore(fixture, folder);
  await trash(fixture, folder);
  await purge(fixture, folder);

  assert.equal(await findFolder(fixture.files.db, fixture.owner.id, last), undefined);
  assert.equal(await getItemCount(fixture), 1);
  await assertCountersRight(fixture.files.db);
});

test('a folder with more folders than can be moved deeper at once can still be moved up, trashed and restored', async () => {
  await using fixture = await openFixtureWith({ copyItems: 100 });
  const wide = await fixture.folder('wide');
  await addFolders(fixture, wide.id, 101);
  const target = await fixture.folder('target');
  const inTarget = await fixture.folder('in it', target.id);
  const row = await readRow(fixture, wide);

  await assert.rejects(move(fixture, asFolder(row), inTarget), tooLarge);
  await trash(fixture, asFolder(row));
  await restore(fixture, asFolder(row));
  fixture.files.limits.copyItems = 101;
  await move(fixture, asFolder(row), inTarget);
  await move(fixture, asFolder(row), { id: fixture.owner.root_id });
  await assertCountersRight(fixture.files.db);
});
