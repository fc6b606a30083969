import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ItemId, Sha1, UserId, VersionId } from '../../packages/protocol/src/ids.ts';
import { renderListedItem } from '../../packages/server/src/http/render/items.ts';
import { DEFAULT_LIMITS } from '../../packages/server/src/limits.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, filePart, form, sendForm, upload } from './forms.ts';

const MAX_BYTES = 64 * 1024;
const ITEMS = 60;
/** The size of a page without its entries. */
const OVERHEAD = 1024;

let server: TestServer;
let api: Api;
let deep: string;

before(async () => {
  server = await startServer({ env: { PARTWAY_MAX_LIST_BYTES: String(MAX_BYTES), PARTWAY_MAX_DEPTH: '31' } });
  api = new Api(server);
  let parent = '0';
  for (let depth = 0; depth < 30; depth++) {
    parent = (await api.post('/folders', { name: 'n'.repeat(100), parent: { id: parent } })).json.id;
  }
  deep = parent;
  for (let n = 0; n < ITEMS; n++) {
    const { status } = await api.post('/folders', { name: `item ${n}`, parent: { id: deep } });
    assert.equal(status, 201);
  }
});
after(() => server[Symbol.asyncDispose]());

test('a page of entries with long paths ends at the byte limit, and the next page continues there, by marker and by offset', async () => {
  const query = 'fields=name,path_collection,created_by,description&limit=1000';
  const all = Array.from({ length: ITEMS }, (_, n) => `item ${n}`).toSorted();
  for (const by of ['marker', 'offset'] as const) {
    const names: string[] = [];
    let pages = 0;
    for (let at = ''; pages < ITEMS; ) {
      const { json, text } = await api.get(
        `/folders/${deep}/items?${query}${by === 'marker' ? `&usemarker=true&marker=${at}` : `&offset=${at || 0}`}`,
      );
      pages += 1;
      assert.ok(Buffer.byteLength(text) <= MAX_BYTES + OVERHEAD, `${text.length} bytes`);
      names.push(...json.entries.map(({ name }: { name: string }) => name));
      for (const entry of json.entries) assert.equal(entry.path_collection.total_count, 31);
      if (by === 'marker' && json.next_marker === undefined) break;
      if (by === 'offset' && json.offset + json.limit >= json.total_count) break;
      at = by === 'marker' ? json.next_marker : String(json.offset + json.limit);
    }
    assert.deepEqual(names.toSorted(), all, by);
    assert.ok(pages > 2 && pages < ITEMS, `${pages} pages`);
  }
});

test("the page of items in a folder's response is limited, too, and a page of names alone is complete", async () => {
  const { json, text } = await api.get(`/folders/${deep}?fields=item_collection,path_collection&limit=1000`);
  assert.ok(Buffer.byteLength(text) <= MAX_BYTES + 2 * OVERHEAD + 31 * 200, `${text.length} bytes`);
  assert.ok(json.item_collection.entries.length < ITEMS);
  assert.equal(json.item_collection.limit, json.item_collection.entries.length);

  const names = await api.get(`/folders/${deep}/items?limit=1000`);
  assert.deepEqual([names.json.entries.length, names.json.limit], [ITEMS, 1000]);
});

test('a request can name 100 different fields, each any number of times', async () => {
  const often = Array(1_500).fill('name').join(',');
  assert.deepEqual(
    Object.keys((await api.get(`/folders/${deep}/items?limit=1&fields=${often}`)).json.entries[0]).toSorted(),
    ['etag', 'id', 'name', 'type'],
  );
  const many = Array.from({ length: 101 }, (_, n) => `f${n}`);
  assert.equal((await api.get(`/folders/${deep}/items?fields=${many.slice(1).join(',')}`)).status, 200);
  for (const path of [`/folders/${deep}/items`, '/folders/0', '/users/me', '/folders/trash/items']) {
    const { status, json } = await api.get(`${path}?fields=${many.join(',')}`);
    assert.deepEqual([status, json.code], [400, 'bad_request'], path);
  }
});

test('a page of 1,000 items in their standard form fits into the default byte limit', () => {
  const name = '😀'.repeat(255);
  const maxId = 9_999_999_999_999;
  const item = {
    id: maxId as ItemId,
    parent_id: 1 as ItemId,
    owner_id: maxId as UserId,
    kind: 'file' as const,
    name,
    name_key: name,
    description: '',
    details: '',
    etag: Number.MAX_SAFE_INTEGER,
    version_id: maxId as VersionId,
    created_at: 0,
    modified_at: 0,
    content_created_at: 0,
    content_modified_at: 0,
    created_by: maxId as UserId,
    modified_by: maxId as UserId,
    trashed_at: null,
    trashed_with: null,
    child_count: 0,
    size: 0,
  };
  const version = { id: maxId as VersionId, sha1: 'a'.repeat(40) as Sha1 };
  const entry = { item, path: [], users: new Map(), can: () => true, version } as unknown as Parameters<
    typeof renderListedItem
  >[0];
  const bytes = Buffer.byteLength(JSON.stringify(renderListedItem(entry)));
  assert.ok(bytes > 1020 && 1000 * (bytes + 1) <= DEFAULT_LIMITS.listBytes, `${bytes} bytes an entry`);
});

test('lists of versions, users and uploads are limited, too', async () => {
  const { id } = (await upload(api, 'n'.repeat(250), 'v0')) as { id: string };
  for (let n = 1; n <= 150; n++) await sendForm(api, `/files/${id}/content`, form(attributes({}), filePart(`v${n}`)));
  const versions = await api.get(`/files/${id}/versions?limit=1000`);
  assert.ok(Buffer.byteLength(versions.text) <= MAX_BYTES + OVERHEAD, `${versions.text.length} bytes`);
  assert.equal(versions.json.total_count, 150);
  assert.equal(versions.json.limit, versions.json.entries.length);

  const tracking = Array.from({ length: 20 }, (_, n) => ({
    type: 'tracking_code',
    name: `t${n}`,
    value: 'v'.repeat(250),
  }));
  const users = 20;
  for (let n = 0; n < users; n++) {
    const created = await api.post('/users', { name: `u${n}`, login: `u${n}@partway.test`, tracking_codes: tracking });
    assert.equal(created.status, 201, created.text);
  }
  const seen = new Set<string>();
  let pages = 0;
  for (let marker: string | undefined = ''; marker !== undefined && pages < 10; pages++) {
    const query: string = `/users?usemarker=true&limit=1000&marker=${marker}&fields=login,tracking_codes`;
    const { json, text } = await api.get(query);
    assert.ok(Buffer.byteLength(text) <= MAX_BYTES + OVERHEAD, `${text.length} bytes`);
    for (const { login } of json.entries) seen.add(login);
    marker = json.next_marker;
  }
  assert.equal([...seen].filter((login) => /^u\d+@/.test(login)).length, users);
  assert.ok(pages > 1, 'one page cannot contain all of them');
  assert.equal((await api.get('/files/upload_sessions?limit=1000')).json.limit, 100);
});
