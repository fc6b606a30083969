import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api, type ApiResponse } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { upload } from './forms.ts';

let server: TestServer;
let api: Api;
let folder: { id: string };

before(async () => {
  server = await startServer();
  api = new Api(server);
  folder = (await api.post('/folders', { name: 'sorted', parent: { id: '0' } })).json;
  for (const name of ['y', 'x']) {
    const { id } = (await api.post('/folders', { name, parent: { id: folder.id } })).json;
    await upload(api, 'in it', name.repeat(name === 'x' ? 9 : 1), id);
  }
  for (const [name, body] of [
    ['b', '333'],
    ['C', '1'],
    ['a', '22'],
  ] as const) {
    await upload(api, name, body, folder.id);
  }
});
after(() => server[Symbol.asyncDispose]());

const readNames = ({ json }: ApiResponse) => json.entries.map((entry: { name: string }) => entry.name);
const list = (query: string) => api.get(`/folders/${folder.id}/items?${query}`);

test('a list is in the requested order, with folders before files', async () => {
  for (const [query, expected] of [
    ['sort=name', ['x', 'y', 'a', 'b', 'C']],
    ['sort=name&direction=DESC', ['y', 'x', 'C', 'b', 'a']],
    ['sort=size', ['y', 'x', 'C', 'a', 'b']],
    ['sort=size&direction=desc', ['x', 'y', 'b', 'a', 'C']],
  ] as const) {
    assert.deepEqual(readNames(await list(query)), expected, query);
    const listed: string[] = [];
    for (let marker = ''; ; ) {
      const page = await list(`${query}&usemarker=true&limit=2&marker=${marker}`);
      listed.push(...readNames(page));
      marker = page.json.next_marker;
      if (marker === undefined) break;
    }
    assert.deepEqual(listed, expected, query);
  }
  for (const sort of ['id', 'date']) {
    const [up, down] = [await list(`sort=${sort}`), await list(`sort=${sort}&direction=DESC`)];
    const [folders, files] = [readNames(up).slice(0, 2), readNames(up).slice(2)];
    assert.deepEqual(readNames(down), [...folders.toReversed(), ...files.toReversed()]);
    assert.deepEqual(down.json.order, [
      { by: 'type', direction: 'ASC' },
      { by: sort, direction: 'DESC' },
    ]);
  }
});

test('an unknown sort order is rejected', async () => {
  for (const query of ['sort=colour', 'sort=name_key', 'direction=sideways']) {
    const { status, json } = await list(query);
    assert.deepEqual([status, json.code], [400, 'bad_request'], query);
  }
});

test('a folder shows the requested page of its items, its own size and theirs', async () => {
  const { json } = await api.get(`/folders/${folder.id}?sort=size&direction=DESC&offset=1&limit=2`);

  assert.equal(json.size, 16);
  const { item_collection: items } = json;
  assert.deepEqual([items.total_count, items.offset, items.limit], [5, 1, 2]);
  assert.deepEqual(readNames({ json: items } as ApiResponse), ['y', 'b']);
  assert.deepEqual(
    (await list('fields=size')).json.entries.map(({ size }: { size: number }) => size),
    [9, 1, 2, 3, 1],
  );
});

test('fields of unsupported features have the values that Box returns for items without these features', async () => {
  const { id } = (await list('limit=1&sort=name&offset=2')).json.entries[0];
  const fields = `permissions,version_number,shared_link,lock,extension,path_collection,item_status,tags,comment_count,
    is_package,watermark_info,is_externally_owned,has_collaborations,is_accessible_via_shared_link,classification,
    allowed_invitee_roles,uploader_display_name,expires_at,disposition_at,representations,is_associated_with_app_item,
    shared_link_permission_options`.replaceAll(/\s/g, '');
  const { json: file } = await api.get(`/files/${id}?fields=${fields}`);

  for (const field of fields.split(',')) assert.ok(field in file, field);
  assert.equal(Object.keys(file).length, fields.split(',').length + 3);
  assert.deepEqual(
    [file.version_number, file.lock, file.tags, file.is_externally_owned, file.has_collaborations, file.extension],
    ['1', null, [], false, false, ''],
  );
  assert.ok(file.permissions.can_download && !file.permissions.can_share);
  const { json: root } = await api.get('/folders/0?fields=permissions,tags,has_collaborations,sync_state');
  assert.deepEqual([root.tags, root.has_collaborations, root.sync_state], [[], false, 'not_synced']);
  assert.deepEqual([root.permissions.can_upload, root.permissions.can_delete], [true, false]);
});
