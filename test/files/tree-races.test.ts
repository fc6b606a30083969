import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemRow } from '../../packages/server/src/database/schema.ts';
import { findItem } from '../../packages/server/src/files/find.ts';
import { collect } from '../conformance/blob-samples.ts';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import {
  addVersion,
  asFile,
  copy,
  move,
  promote,
  purge,
  readRow,
  readVersions,
  rename,
  restore,
  trash,
} from './tree-steps.ts';

/** How often a race is run. Each run can end differently, and the assertions hold for every ending. */
const ROUNDS = 8;

/** Runs operations at once. Returns the error codes of those that failed, in their order. */
async function race(...acts: Promise<unknown>[]): Promise<(string | undefined)[]> {
  const results = await Promise.allSettled(acts);
  return results.map((result) => {
    if (result.status === 'fulfilled') return undefined;
    if (result.reason.code === undefined) throw result.reason;
    return result.reason.code;
  });
}

async function assertConsistent(fixture: FilesFixture): Promise<void> {
  await assertCountersRight(fixture.files.db);
  const items = await fixture.files.db.selectFrom('items').selectAll().execute();
  const parents = new Map(items.map((item) => [item.id, item.parent_id]));
  for (const { id, name } of items) {
    let above: ItemRow['parent_id'] | undefined = id;
    for (let steps = 0; above !== null && above !== undefined; steps++) {
      assert.ok(steps <= items.length, `${name} is inside itself`);
      above = parents.get(above);
    }
  }
  // Every version can be read.
  const versions = await fixture.files.db.selectFrom('versions').selectAll().execute();
  for (const { blob_id: blob, size } of versions) {
    assert.equal(Buffer.concat(await collect(await fixture.files.blobs.read(blob))).length, size);
  }
}

test('only one of two moves succeeds if they would create a cycle together', async () => {
  await using fixture = await openFilesFixture();
  const node = await fixture.openNode();
  for (let round = 0; round < ROUNDS; round++) {
    const [a, b] = [await fixture.folder(`a${round}`), await fixture.folder(`b${round}`)];
    const below = await fixture.folder('below', b.id);

    const codes = await race(move(fixture, a, below), move(round % 2 === 0 ? node : fixture, b, a));

    assert.deepEqual(
      codes.filter((code) => code !== undefined),
      ['cyclical-move'],
    );
    await assertConsistent(fixture);
  }
});

test('only one item gets a name for which a restore and new items compete', async () => {
  await using fixture = await openFilesFixture();
  const node = await fixture.openNode();
  for (let round = 0; round < ROUNDS; round++) {
    const file = asFile(await fixture.file(`a${round}`));
    await trash(fixture, file);

    const codes = await race(restore(fixture, file), node.file(`A${round}`), node.folder(`a${round}`));

    assert.deepEqual(
      codes.filter((code) => code !== undefined),
      ['name-in-use', 'name-in-use'],
    );
    await assertConsistent(fixture);
  }
});

test('a permanent deletion and copies can end in any order, and bytes are kept while a version references them', async () => {
  await using fixture = await openFilesFixture();
  const node = await fixture.openNode();
  const keep = await fixture.folder('keep');
  for (let round = 0; round < ROUNDS; round++) {
    const file = asFile(await fixture.file(`a${round}`));

    const trashAndPurge = async () => {
      await trash(node, file);
      await purge(node, file);
    };
    const codes = await race(copy(fixture, file, keep), trashAndPurge(), copy(node, file, keep, { name: `b${round}` }));

    assert.equal(codes[1], undefined);
    for (const code of [codes[0], codes[2]]) assert.ok([undefined, 'trashed', 'not-found'].includes(code), code);
    const isKept = codes[0] === undefined || codes[2] === undefined;
    const versions = await fixture.files.db.selectFrom('versions').select('blob_id').distinct().execute();
    assert.equal((await fixture.listBlobs()).length, versions.length);
    await assertConsistent(fixture);
    if (isKept) assert.ok(versions.length > 0);
  }
});

test('either a permanent deletion or a concurrent restore succeeds', async () => {
  await using fixture = await openFilesFixture();
  const node = await fixture.openNode();
  for (let round = 0; round < ROUNDS; round++) {
    const folder = await fixture.folder(`f${round}`);
    await fixture.file('a', { parent: folder.id });
    await trash(fixture, folder);

    const [restored, purged] = await race(restore(fixture, folder), purge(node, folder));

    if (restored === undefined) assert.equal(purged, 'not-trashed');
    else assert.deepEqual([restored, purged], ['not-found', undefined]);
    await assertConsistent(fixture);
  }
});

test('no item is added to a folder while it is trashed, and none of its contents stay behind', async () => {
  await using fixture = await openFilesFixture();
  const node = await fixture.openNode();
  for (let round = 0; round < ROUNDS; round++) {
    const folder = await fixture.folder(`f${round}`);
    const inner = await fixture.folder('inner', folder.id);
    const mover = asFile(await fixture.file(`m${round}`));

    const codes = await race(node.file('new', { parent: inner.id }), trash(fixture, folder), move(node, mover, inner));

    assert.equal(codes[1], undefined);
    for (const code of [codes[0], codes[2]]) assert.ok([undefined, 'trashed'].includes(code), code);
    const inside = await fixture.files.db.selectFrom('items').selectAll().where('parent_id', '=', inner.id).execute();
    for (const { id, kind } of inside) {
      const found = await findItem(fixture.files.db, { kind, owner: fixture.owner.id, id });
      assert.equal(found?.trashed_with, folder.id);
    }
    assert.equal((await readRow(fixture, mover)).parent_id, codes[2] === undefined ? inner.id : fixture.owner.root_id);
    await assertConsistent(fixture);
  }
});

test('concurrent versions, promotions and renames take turns', async () => {
  await using fixture = await openFilesFixture();
  const node = await fixture.openNode();
  const file = asFile(await fixture.file('a'));
  const [first] = await readVersions(fixture, file);
  assert.ok(first);

  const codes = await race(
    addVersion(fixture, file, 'second'),
    addVersion(node, file, 'third'),
    promote(fixture, file, first.id),
    rename(node, file, 'b'),
    addVersion(node, file, 'fourth'),
  );

  assert.deepEqual(
    codes.filter((code) => code !== undefined),
    [],
  );
  const numbers = (await readVersions(fixture, file)).map(({ number }) => number);
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, n) => n + 1),
  );
  assert.ok([4, 5].includes(numbers.length));
  await assertConsistent(fixture);
});
