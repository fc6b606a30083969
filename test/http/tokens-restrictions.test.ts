import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { API_ROUTES, type ApiRoute, createCall, type ItemIds } from '../auth/api-routes.ts';
import { createDownscopedToken } from '../auth/downscoped-token.ts';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SIZE = 70_000;
const bytes = seededBytes(SIZE, 'reach');

let server: TestServer;
let unrestricted: Api;
/** Folders with a file and a session in each: `below` is in `inside`, and `outside` is beside it in the root. */
let inside: ItemIds;
let below: ItemIds;
let outside: ItemIds;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
  unrestricted = new Api(server);
  inside = await addContents(await createFolder('inside', '0'));
  below = await addContents(await createFolder('below', inside.folder));
  outside = await addContents(await createFolder('outside', '0'));
});
after(() => server[Symbol.asyncDispose]());

async function createFolder(name: string, parent: string): Promise<string> {
  return (await unrestricted.post('/folders', { name, parent: { id: parent } })).json.id;
}

async function addContents(folder: string): Promise<ItemIds> {
  return {
    folder,
    file: await upload(unrestricted, folder, 'file.bin'),
    session: (await unrestricted.createSession('later.bin', SIZE, folder)).id,
  };
}

async function upload(api: Api, folder: string, name: string): Promise<string> {
  const session = await api.createSession(name, SIZE, folder);
  const committed = await api.commit(session.id, await api.uploadParts(session, bytes), bytes);
  assert.equal(committed.status, 201, committed.text);
  return committed.json.entries[0].id;
}

function statusOutside({ ofUser, ofAll }: ApiRoute): number {
  if (ofUser) return 200;
  return ofAll ? 403 : 404;
}

const createRestricted = async (resource: string, scope = 'root_readwrite') =>
  new Api({ url: server.url, token: await createDownscopedToken(server, { scope, resource }) });

describe('a token restricted to a folder', () => {
  for (const route of API_ROUTES) {
    test(`has no access outside it with ${route.method} ${route.url}`, async () => {
      const api = await createRestricted(`folders/${inside.folder}`);
      for (const named of [outside, { ...outside, folder: '0' }]) {
        const { path, call } = createCall(route, named);
        const answer = await api.call(route.method, path, call);
        assert.equal(answer.status, statusOutside(route), answer.text);
      }
    });
  }

  test('leaves everything outside unchanged', async () => {
    assert.equal((await unrestricted.get(`/files/${outside.file}`)).json.etag, '0');
    assert.equal((await unrestricted.get(`/folders/${outside.folder}/items`)).json.total_count, 1);
    assert.equal((await unrestricted.get(`/files/upload_sessions/${outside.session}`)).json.num_parts_processed, 0);
    const names = (await unrestricted.get('/folders/0/items')).json.entries.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['inside', 'outside']);
  });

  test('can read everything in it, at every level', async () => {
    const api = await createRestricted(`folders/${inside.folder}`, 'base_explorer item_download');
    for (const { folder, file } of [inside, below]) {
      assert.equal((await api.get(`/folders/${folder}`)).status, 200);
      assert.equal((await api.get(`/folders/${folder}/items`)).status, 200);
      assert.deepEqual(await api.download(file), bytes);
    }
  });

  test('can upload parts into it and below, even to a session that another token created', async () => {
    const api = await createRestricted(`folders/${inside.folder}`, 'base_upload');
    await upload(api, inside.folder, 'mine.bin');
    await upload(api, below.folder, 'mine.bin');
    const version = await api.post(`/files/${below.file}/upload_sessions`, { file_size: SIZE });
    const parts = await api.uploadParts(version.json, bytes);
    assert.equal((await api.commit(version.json.id, parts, bytes)).status, 201);
    assert.equal((await api.get(`/files/upload_sessions/${below.session}/parts`)).status, 200);
    assert.equal((await api.delete(`/files/upload_sessions/${below.session}`)).status, 204);
  });

  test('can upload files directly, create folders, and check uploads before sending them', async () => {
    const api = await createRestricted(`folders/${inside.folder}`, 'base_upload');
    const named = { ...below, folder: inside.folder };
    for (const route of API_ROUTES.filter(({ url, needs }) => needs === 'upload' && !url.includes('session'))) {
      const { path, call } = createCall(route, named);
      const { status, text } = await api.call(route.method, path, call);
      assert.ok(status === 200 || status === 201, `${route.method} ${route.url}: ${status} ${text}`);
    }
  });

  test('cannot move or copy an item out of it', async () => {
    const api = await createRestricted(`folders/${inside.folder}`);
    for (const folder of ['0', outside.folder]) {
      const parent = { id: folder };
      assert.equal((await api.call('PUT', `/files/${below.file}`, { body: { parent } })).status, 404);
      assert.equal((await api.call('PUT', `/folders/${below.folder}`, { body: { parent } })).status, 404);
      assert.equal((await api.post(`/files/${below.file}/copy`, { parent })).status, 404);
      assert.equal((await api.post(`/folders/${below.folder}/copy`, { parent })).status, 404);
    }
  });

  test("has its root folder under that folder's own ID, not under 0", async () => {
    const api = await createRestricted(`folders/${inside.folder}`);
    assert.equal((await api.get('/folders/0')).status, 404);
    const everything = await createRestricted('folders/0');
    assert.equal((await everything.get('/folders/0')).status, 200);
    assert.equal((await everything.get(`/files/${below.file}`)).status, 200);
  });

  test('cannot leave it with an ID in another form', async () => {
    const api = await createRestricted(`folders/${inside.folder}`);
    for (const id of [`0${outside.folder}`, Number(outside.folder), ` ${outside.folder}`, `${outside.folder}.0`]) {
      const body = { folder_id: id, file_size: SIZE, file_name: 'x.bin' };
      assert.equal((await api.post('/files/upload_sessions', body)).status, 404, String(id));
    }
    for (const body of [{}, { parent: null }, { parent: {} }, null, []]) {
      assert.equal((await api.post('/folders', body)).status, 403, JSON.stringify(body));
    }
  });
});

describe('a token restricted to a file', () => {
  for (const route of API_ROUTES) {
    test(`has no access outside it with ${route.method} ${route.url}`, async () => {
      const api = await createRestricted(`files/${inside.file}`);
      // This includes the folder that contains the file, and another file.
      for (const named of [outside, { ...below, folder: inside.folder, session: inside.session }]) {
        const { path, call } = createCall(route, named);
        const answer = await api.call(route.method, path, call);
        assert.equal(answer.status, statusOutside(route), answer.text);
      }
    });
  }

  test('can read the file and upload new versions of it', async () => {
    const api = await createRestricted(`files/${inside.file}`);
    assert.equal((await api.get(`/files/${inside.file}`)).status, 200);
    const version = await api.post(`/files/${inside.file}/upload_sessions`, { file_size: SIZE });
    const committed = await api.commit(version.json.id, await api.uploadParts(version.json, bytes), bytes);
    assert.deepEqual([committed.status, committed.json.entries[0].id], [201, inside.file]);
  });
});

describe('a token restricted to a folder sees nothing above it', () => {
  const names = (json: { path_collection: { entries: { name: string }[]; total_count: number } }) => {
    assert.equal(json.path_collection.total_count, json.path_collection.entries.length);
    return json.path_collection.entries.map(({ name }) => name);
  };
  /** Every response about an item that such a token can get. */
  async function collectResponses(api: Api): Promise<[what: string, json: unknown][]> {
    const fields = 'fields=name,parent,path_collection';
    const name = `made ${Math.random()}`;
    const created = (await api.post('/folders', { name, parent: { id: below.folder } })).json;
    const change = (path: string, body: unknown) => api.call('PUT', path, { body });
    return [
      ['the folder', (await api.get(`/folders/${below.folder}`)).json],
      ['its items', (await api.get(`/folders/${below.folder}/items?${fields}`)).json],
      ['its items by marker', (await api.get(`/folders/${below.folder}/items?usemarker=true&${fields}`)).json],
      ['a file', (await api.get(`/files/${below.file}`)).json],
      ['a folder made', created],
      ['a folder renamed', (await change(`/folders/${created.id}`, { name: `${name} again` })).json],
      [
        'a copy',
        (await api.post(`/folders/${created.id}/copy`, { parent: { id: below.folder }, name: `${name} copy` })).json,
      ],
      ['a file renamed', (await change(`/files/${below.file}`, { name: 'file.bin', description: name })).json],
    ];
  }

  test('its own folder has no parent and no path, and the paths of the contents start there', async () => {
    const api = await createRestricted(`folders/${below.folder}`);
    const own = (await api.get(`/folders/${below.folder}`)).json;
    assert.deepEqual([own.parent, names(own)], [null, []]);
    const file = (await api.get(`/files/${below.file}`)).json;
    assert.deepEqual([file.parent.name, names(file)], ['below', ['below']]);
    const deeper = (await api.post('/folders', { name: 'deeper', parent: { id: below.folder } })).json;
    const deepest = (await api.post('/folders', { name: 'deepest', parent: { id: deeper.id } })).json;
    assert.deepEqual([deepest.parent.name, names(deepest)], ['deeper', ['below', 'deeper']]);
    const fullView = (await unrestricted.get(`/folders/${deepest.id}`)).json;
    assert.deepEqual(names(fullView), ['All Files', 'inside', 'below', 'deeper']);
  });

  test('no response contains the name or ID of a folder above it', async () => {
    const api = await createRestricted(`folders/${below.folder}`);
    for (const [what, json] of await collectResponses(api)) {
      const text = JSON.stringify(json);
      assert.match(text, /"id"/, what);
      assert.doesNotMatch(text, /All Files|"inside"|"name":"inside/, what);
      assert.ok(!text.includes(`"${inside.folder}"`) && !text.includes('"id":"0"'), `${what}: ${text}`);
    }
  });

  test('a token restricted to a file sees neither the folder nor the path of the file', async () => {
    const file = (await (await createRestricted(`files/${below.file}`)).get(`/files/${below.file}`)).json;
    assert.deepEqual([file.parent, names(file)], [null, []]);
  });

  test('a token restricted to the root sees every path from there', async () => {
    const file = (await (await createRestricted('folders/0')).get(`/files/${below.file}`)).json;
    assert.deepEqual(names(file), ['All Files', 'inside', 'below']);
  });
});
