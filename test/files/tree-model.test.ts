import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { assertBlobsMatchVersions, drawModel, drawModelTrash, drawTrash, drawTree } from './tree-drawing.ts';
import { createNode, listChildren, type Node, type Outcome, TreeModel } from './tree-model.ts';
import { addVersion, copy, move, promote, purge, readRow, readVersions, rename, restore, trash } from './tree-steps.ts';

const NAMES = ['a', 'A', 'b', 'c', 'd'];
const OPERATIONS = 'folder file version promote rename move copy trash restore purge'.split(' ');

/** One operation, with numbers that select its item, its target folder and its name. */
const operation = fc.record({
  what: fc.constantFrom(...OPERATIONS, 'folder', 'file', 'trash', 'restore'),
  item: fc.nat(1000),
  to: fc.nat(1000),
  name: fc.constantFrom(...NAMES),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

test('after any operations, valid or not, the tree, the trash, the counters and the bytes match a simple model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 20, maxLength: 50 }), async (steps) => {
      await using fixture = await openFilesFixture();
      const model = new TreeModel(fixture.owner.root_id);
      for (const step of steps) {
        const [expected, found] = await perform(fixture, model, step);
        assert.equal(found, expected, JSON.stringify(step));
      }
      assert.deepEqual(await drawTree(fixture, await readRow(fixture, model.root)), drawModel(model, model.root));
      assert.deepEqual(await drawTrash(fixture), drawModelTrash(model));
      await assertCountersRight(fixture.files.db);
      await assertBlobsMatchVersions(fixture);
    }),
    { numRuns: 25 },
  );
});

/** Performs a step in the model and in the database. Returns both results. */
async function perform(fixture: FilesFixture, model: TreeModel, step: Operation): Promise<[Outcome, Outcome]> {
  const { what, name } = step;
  const pick = (among: Node[], number: number) => among[number % among.length] as Node;
  const to = pick(
    model.nodes.filter(({ kind }) => kind === 'folder'),
    step.to,
  );
  const files = model.nodes.filter(({ kind }) => kind === 'file');
  const item = pick(/version|promote/.test(what) && files.length > 0 ? files : model.nodes, step.item);
  if (/version|promote/.test(what) && item.kind === 'folder') return [undefined, undefined];
  switch (what) {
    case 'folder':
    case 'file': {
      const created = createNode({ id: 0 as Node['id'], kind: what, name, parent: to });
      if (what === 'file') created.versions = [{ name, size: name.length }];
      return [
        model.create(created),
        await getOutcome(async () => {
          created.id =
            what === 'file'
              ? (await fixture.file(name, { parent: to.id })).fileId
              : (await fixture.folder(name, to.id)).id;
        }),
      ];
    }
    case 'version':
      return [
        model.addVersion(item, step.to % 7),
        await getOutcome(() => addVersion(fixture, item, 'x'.repeat(step.to % 7))),
      ];
    case 'promote': {
      const index = step.to % item.versions.length;
      const version = (await readVersions(fixture, item))[index];
      assert.ok(version);
      return [model.promote(item, index), await getOutcome(() => promote(fixture, item, version.id))];
    }
    case 'rename':
      return [model.rename(item, name), await getOutcome(() => rename(fixture, item, name))];
    case 'move':
      return [model.move(item, to), await getOutcome(() => move(fixture, item, to))];
    case 'copy':
      return [
        model.copy(item, to, name),
        await getOutcome(async () => {
          await adopt(fixture, model, item, { id: await copy(fixture, item, to, { name }), name, parent: to });
        }),
      ];
    case 'trash':
      return [model.trash(item), await getOutcome(() => trash(fixture, item))];
    case 'restore': {
      const place = step.to % 2 === 0 ? undefined : to;
      return [model.restore(item, place), await getOutcome(() => restore(fixture, item, { to: place }))];
    }
    default:
      return [model.purge(item), await getOutcome(() => purge(fixture, item))];
  }
}

async function getOutcome(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    return code;
  }
}

/** Adds a copy to the model, with the IDs that the database assigned, which are found by name. */
async function adopt(
  fixture: FilesFixture,
  model: TreeModel,
  from: Node,
  to: Pick<Node, 'id' | 'name' | 'parent'>,
): Promise<void> {
  const version = from.versions.at(-1);
  const copied = createNode({ ...to, kind: from.kind, versions: version ? [{ ...version, name: to.name }] : [] });
  const children = listChildren(model.nodes, from);
  model.nodes.push(copied);
  for (const child of children) {
    const { id } = await fixture.files.db
      .selectFrom('items')
      .select('id')
      .where('parent_id', '=', copied.id)
      .where('name', '=', child.name)
      .executeTakeFirstOrThrow();
    await adopt(fixture, model, child, { id, name: child.name, parent: copied });
  }
}
