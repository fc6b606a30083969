/**
 * Measures how one user who exhausts the limits affects another user. The first one copies a folder with many folders, moves
 * it, trashes it, restores it, purges it, and lists the largest pages. The other one requests /users/me, lists a folder and
 * creates one, in turns.
 *
 *   node bench/limits.ts [items]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ItemId, UserId } from '../packages/protocol/src/ids.ts';
import { newId } from '../packages/server/src/database/values.ts';
import { newItemRow } from '../packages/server/src/files/items.ts';
import { addApp, addUser, getUserToken } from '../test/support/accounts.ts';
import { Api } from '../test/support/api.ts';
import { deleteAtExit } from '../test/support/leftovers.ts';
import { startServer } from '../test/support/server.ts';
import { openTestDatabase } from '../test/support/test-database.ts';
import { saveResults } from './support.ts';

const ITEMS = Number(process.argv[2] ?? 81_920);
const DEPTH = 99;

interface Felt {
  seconds: number;
  status: number;
  /** Milliseconds that the other user waited. */
  p50: number;
  p99: number;
  most: number;
  calls: number;
}

const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-bench-limits-')));
const server = await startServer({ dataFolder: home });
const app = await addApp(server);
const apiOf = async (login: string) => {
  const id = await addUser(server, login);
  return { id: Number(id) as UserId, api: new Api({ url: server.url, token: await getUserToken(server, app, id) }) };
};
const attacker = await apiOf('attacker@partway.test');
const other = await apiOf('other@partway.test');
const make = async (name: string, parent: string): Promise<string> =>
  (await attacker.api.post('/folders', { name, parent: { id: parent } })).json.id;

const large = await make('large', '0');
await addFolders(attacker.id, Number(large) as ItemId, ITEMS);
const target = await make('target', '0');
let deep = '0';
for (let depth = 0; depth < DEPTH; depth++) deep = await make('n'.repeat(100), deep);
await addFolders(attacker.id, Number(deep) as ItemId, 1000);

const results: Record<string, Felt> = {};
await measureDuring('nothing', async () => {
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  return 200;
});
let copy = '';
await measureDuring('copy', async () => {
  const { status, json } = await attacker.api.post(`/folders/${large}/copy`, { parent: { id: target } });
  copy = json.id;
  return status;
});
await measureDuring(
  'move',
  async () =>
    (await attacker.api.call('PUT', `/folders/${copy}`, { body: { parent: { id: '0' }, name: 'moved' } })).status,
);
await measureDuring('trash', async () => (await attacker.api.delete(`/folders/${copy}?recursive=true`)).status);
await measureDuring('restore', async () => (await attacker.api.post(`/folders/${copy}`, {})).status);
await attacker.api.delete(`/folders/${copy}?recursive=true`);
await measureDuring('purge', async () => (await attacker.api.delete(`/folders/${copy}/trash`)).status);
await measureDuring('50 pages of paths', async () => {
  let status = 0;
  for (let page = 0; page < 50; page++) {
    status = (await attacker.api.get(`/folders/${deep}/items?limit=1000&fields=path_collection,description`)).status;
  }
  return status;
});
console.log('what | seconds | status | p50 ms | p99 ms | longest ms | calls');
for (const [what, felt] of Object.entries(results)) {
  const { seconds, status, p50, p99, most, calls } = felt;
  console.log([what, seconds.toFixed(2), status, p50.toFixed(1), p99.toFixed(1), most.toFixed(1), calls].join(' | '));
}
console.error(await saveResults('limits', { items: ITEMS, results }));
await server.stop();
await rm(home, { recursive: true, force: true });

/** Runs `act` while the other user sends requests continuously. */
async function measureDuring(what: string, act: () => Promise<number>): Promise<void> {
  let isOver = false;
  const waits: number[] = [];
  const calls: (() => Promise<unknown>)[] = [
    () => other.api.get('/users/me'),
    () => other.api.get('/folders/0/items?limit=10'),
    () => other.api.post('/folders', { name: `${what} ${waits.length}`, parent: { id: '0' } }),
  ];
  const feeling = (async () => {
    for (let call = 0; !isOver; call++) {
      const begun = performance.now();
      await calls[call % calls.length]?.();
      waits.push(performance.now() - begun);
    }
  })();
  const begun = performance.now();
  const status = await act();
  const seconds = (performance.now() - begun) / 1000;
  isOver = true;
  await feeling;
  const sorted = waits.toSorted((one, another) => one - another);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  results[what] = { seconds, status, p50: at(0.5), p99: at(0.99), most: at(1), calls: waits.length };
  console.error(what, results[what]);
}

/** Creates empty folders directly in the tables. */
async function addFolders(owner: UserId, folderId: ItemId, count: number): Promise<void> {
  const db = await openTestDatabase(home);
  for (let from = 0; from < count; from += 500) {
    const rows = Array.from({ length: Math.min(500, count - from) }, (_, n) =>
      newItemRow({
        ...{ id: newId<ItemId>(), kind: 'folder', folderId, name: `folder ${from + n}`, description: '', details: '' },
        ...{ versionId: null, by: owner, now: 0, contentCreatedAt: 0, contentModifiedAt: 0, size: 0 },
      }),
    );
    await db.insertInto('items').values(rows).execute();
  }
  await db.updateTable('items').set({ child_count: count }).where('id', '=', folderId).execute();
  await db
    .updateTable('users')
    .set((row) => ({ item_count: row('item_count', '+', count) }))
    .where('id', '=', owner)
    .execute();
  await db.destroy();
}
