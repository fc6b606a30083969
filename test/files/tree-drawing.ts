import assert from 'node:assert/strict';
import type { ItemRow } from '../../packages/server/src/database/schema.ts';
import { listByMarker, listTrashByMarker } from '../../packages/server/src/files/paging.ts';
import type { FilesFixture } from './files-fixture.ts';
import { listChildren, type Node, type TreeModel } from './tree-model.ts';
import { readVersions } from './tree-steps.ts';

/** A tree in a form in which the real one can be compared with the model. */
type Drawing = { name: string; size: number; versions?: number; items?: Drawing[] };

export async function drawTree(fixture: FilesFixture, folder: ItemRow): Promise<Drawing> {
  const { entries } = await listByMarker(fixture.files.db, folder, { marker: undefined, limit: 1000 });
  const items = await Promise.all(entries.map(({ item }) => drawItem(fixture, item)));
  return { name: folder.name, size: folder.size, items };
}

async function drawItem(fixture: FilesFixture, item: ItemRow): Promise<Drawing> {
  if (item.kind === 'folder') return drawTree(fixture, item);
  return { name: item.name, size: item.size, versions: (await readVersions(fixture, item)).length };
}

export function drawModel(model: TreeModel, item: Node): Drawing {
  const { name, versions } = item;
  if (item.kind === 'file') return { name, size: versions.at(-1)?.size ?? Number.NaN, versions: versions.length };
  const items = inListOrder(listChildren(model.nodes, item)).map((child) => drawModel(model, child));
  return { name, size: items.reduce((sum, { size }) => sum + size, 0), items };
}

export async function drawTrash(fixture: FilesFixture): Promise<string[]> {
  const { entries } = await listTrashByMarker(fixture.files.db, fixture.owner.id, { marker: undefined, limit: 1000 });
  return entries.map(({ item }) => `${item.kind} ${item.name_key} ${item.id}`);
}

export function drawModelTrash({ nodes }: TreeModel): string[] {
  const own = inListOrder(nodes.filter((one) => one.trashedWith === one));
  return own.map(({ kind, name, id }) => `${kind} ${name.toLowerCase()} ${id}`);
}

function inListOrder(nodes: Node[]): Node[] {
  const key = ({ kind, name, id }: Node) => `${kind === 'folder' ? 0 : 1} ${name.toLowerCase()} ${id}`;
  return nodes.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** Every blob is referenced by a version, and every version's blob exists. */
export async function assertBlobsMatchVersions(fixture: FilesFixture): Promise<void> {
  const versions = await fixture.files.db.selectFrom('versions').select('blob_id').distinct().execute();
  const stored = await fixture.listBlobs();
  assert.deepEqual(stored.map(({ blob }) => blob).sort(), versions.map((row) => row.blob_id).sort());
}
