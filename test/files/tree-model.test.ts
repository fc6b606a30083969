import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { assertBytesAreNamed, drawModel, drawModelTrash, drawTrash, drawTree } from './tree-drawing.ts';
import { childrenOf, type Node, node, type Outcome, TreeModel } from './tree-model.ts';
import { addVersion, copy, move, promote, purge, rename, restore, rowOf, trash, versionsOf } from './tree-steps.ts';

const NAMES = ['a', 'A', 'b', 'c', 'd'];
const ACTS = 'folder file version promote rename move copy trash restore purge'.split(' ');

/** One act: what, and numbers that pick on which item, in which folder, under which name. */
const act = fc.record({
  what: fc.constantFrom(...ACTS, 'folder', 'file', 'trash', 'restore'),
  item: fc.nat(1000),
  to: fc.nat(1000),
  name: fc.constantFrom(...NAMES),
});
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

test('after any acts, done or refused, the tree, the trash, the counters and the bytes are what a child would draw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 20, maxLength: 50 }), async (acts) => {
      await using fixture = await openFilesFixture();
      const model = new TreeModel(fixture.owner.root_id);
      for (const one of acts) {
        const [expected, found] = await perform(fixture, model, one);
        assert.equal(found, expected, JSON.stringify(one));
      }
      assert.deepEqual(await drawTree(fixture, await rowOf(fixture, model.root)), drawModel(model, model.root));
      assert.deepEqual(await drawTrash(fixture), drawModelTrash(model));
      await assertCountersRight(fixture.files.db);
      await assertBytesAreNamed(fixture);
    }),
    { numRuns: 25 },
  );
});

/** Does it in both worlds: what the model says, and what came of it. */
async function perform(fixture: FilesFixture, model: TreeModel, one: Act): Promise<[Outcome, Outcome]> {
  const { what, name } = one;
  const pick = (among: Node[], number: number) => among[number % among.length] as Node;
  const to = pick(
    model.nodes.filter(({ kind }) => kind === 'folder'),
    one.to,
  );
  const files = model.nodes.filter(({ kind }) => kind === 'file');
  const item = pick(/version|promote/.test(what) && files.length > 0 ? files : model.nodes, one.item);
  if (/version|promote/.test(what) && item.kind === 'folder') return [undefined, undefined];
  switch (what) {
    case 'folder':
    case 'file': {
      const made = node({ id: 0 as Node['id'], kind: what, name, parent: to });
      if (what === 'file') made.versions = [{ name, size: name.length }];
      return [
        model.create(made),
        await outcomeOf(async () => {
          made.id =
            what === 'file'
              ? (await fixture.file(name, { parent: to.id })).fileId
              : (await fixture.folder(name, to.id)).id;
        }),
      ];
    }
    case 'version':
      return [
        model.addVersion(item, one.to % 7),
        await outcomeOf(() => addVersion(fixture, item, 'x'.repeat(one.to % 7))),
      ];
    case 'promote': {
      const index = one.to % item.versions.length;
      const version = (await versionsOf(fixture, item))[index];
      assert.ok(version);
      return [model.promote(item, index), await outcomeOf(() => promote(fixture, item, version.id))];
    }
    case 'rename':
      return [model.rename(item, name), await outcomeOf(() => rename(fixture, item, name))];
    case 'move':
      return [model.move(item, to), await outcomeOf(() => move(fixture, item, to))];
    case 'copy':
      return [
        model.copy(item, to, name),
        await outcomeOf(async () => {
          await adopt(fixture, model, item, { id: await copy(fixture, item, to, { name }), name, parent: to });
        }),
      ];
    case 'trash':
      return [model.trash(item), await outcomeOf(() => trash(fixture, item))];
    case 'restore': {
      const place = one.to % 2 === 0 ? undefined : to;
      return [model.restore(item, place), await outcomeOf(() => restore(fixture, item, { to: place }))];
    }
    default:
      return [model.purge(item), await outcomeOf(() => purge(fixture, item))];
  }
}

async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    return code;
  }
}

/** Draws a copy into the model, with the ids that it got: each is found under its name. */
async function adopt(
  fixture: FilesFixture,
  model: TreeModel,
  from: Node,
  to: Pick<Node, 'id' | 'name' | 'parent'>,
): Promise<void> {
  const version = from.versions.at(-1);
  const made = node({ ...to, kind: from.kind, versions: version ? [{ ...version, name: to.name }] : [] });
  const children = childrenOf(model.nodes, from);
  model.nodes.push(made);
  for (const child of children) {
    const { id } = await fixture.files.db
      .selectFrom('items')
      .select('id')
      .where('parent_id', '=', made.id)
      .where('name', '=', child.name)
      .executeTakeFirstOrThrow();
    await adopt(fixture, model, child, { id, name: child.name, parent: made });
  }
}
