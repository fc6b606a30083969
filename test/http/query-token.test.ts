import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { API_ROUTES, createCall } from '../auth/api-routes.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, filePart, form, sendForm, upload } from './forms.ts';

const CONTENT = 'what a browser downloads';

let server: TestServer;
let api: Api;
/** Sends no Authorization header. */
let browser: Api;
let id: string;

before(async () => {
  server = await startServer({ env: { PARTWAY_LOG: 'debug' } });
  api = new Api(server);
  browser = new Api({ url: server.url });
  id = (await upload(api, 'browsed.txt', CONTENT)).id;
});
after(() => server[Symbol.asyncDispose]());

test('a browser can download with its token in the query, and the address that it is redirected to has no token', async () => {
  const answer = await browser.get(`/files/${id}/content?access_token=${server.token}&version=`);

  assert.equal(answer.status, 302, answer.text);
  const { location = '', 'referrer-policy': referrer, 'cache-control': cache } = answer.headers;
  assert.ok(!location.includes(server.token) && !location.includes('access_token'));
  assert.deepEqual([referrer, cache], ['no-referrer', 'no-store']);
  assert.equal((await browser.get(location)).text, CONTENT);
  assert.equal((await browser.call('HEAD', `/files/${id}/content?access_token=${server.token}`)).status, 302);
  for (const extension of ['png', 'jpg']) {
    const picture = await browser.get(`/files/${id}/thumbnail.${extension}?access_token=${server.token}`);
    assert.equal(picture.status, 302);
    assert.ok(!String(picture.headers.location).includes(server.token));
  }
});

test('a wrong, empty or repeated token in the query gets 401, and a header takes precedence over the query', async () => {
  const path = `/files/${id}/content?access_token=`;
  for (const query of ['wrong', '', `${server.token}&access_token=${server.token}`]) {
    assert.equal((await browser.get(path + query)).status, 401, query);
  }
  assert.equal((await new Api({ url: server.url, token: 'wrong' }).get(path + server.token)).status, 401);
  assert.equal((await api.get(`${path}wrong`)).status, 302);
});

test('no other route accepts a token in the query', async () => {
  const named = { file: id, folder: '0', session: 'A'.repeat(32) };
  for (const route of API_ROUTES) {
    const { path, call } = createCall(route, named);
    if (route.method === 'GET' && /\/(content|thumbnail\.\w+)$/.test(route.url)) continue;
    const answer = await browser.call(route.method, `${path}?access_token=${server.token}`, call);
    assert.equal(answer.status, 401, `${route.method} ${path}`);
  }
});

test('a server with direct downloads accepts a token in the query, too', async () => {
  await using direct = await startServer({ env: { PARTWAY_DOWNLOADS: 'direct' } });
  const file = await upload(new Api(direct), 'direct.txt', CONTENT);
  const client = new Api({ url: direct.url });
  const answer = await client.get(`/files/${file.id}/content?access_token=${direct.token}`);
  assert.deepEqual([answer.status, answer.text], [200, CONTENT]);
  assert.equal(answer.headers['referrer-policy'], 'no-referrer');
});

test('a file has its download address and availability only if they are requested', async () => {
  const fields = 'fields=authenticated_download_url,is_download_available';
  for (const prefix of ['/2.0', '/api/2.0']) {
    const client = new Api(server, prefix);
    const answer = await client.get(`/files/${id}?${fields}`);
    const url = `${server.url}${prefix}/files/${id}/content`;
    assert.deepEqual(answer.json, {
      type: 'file',
      id,
      etag: '0',
      authenticated_download_url: url,
      is_download_available: true,
    });
    assert.equal((await browser.get(`${url}?access_token=${server.token}`)).status, 302);
  }
  const listed = (await api.get(`/folders/0/items?${fields}`)).json.entries[0];
  assert.equal(listed.authenticated_download_url, `${server.url}/2.0/files/${id}/content`);
  assert.ok(!('authenticated_download_url' in (await api.get(`/files/${id}`)).json));
});

test('a version has a download address and availability of its own', async () => {
  const file = await upload(api, 'versions.txt', 'one');
  await sendForm(api, `/files/${file.id}/content`, form(attributes({}), filePart('two')));
  const path = `/files/${file.id}/versions`;

  const [version] = (await api.get(`${path}?fields=authenticated_download_url,is_download_available`)).json.entries;

  assert.equal(version.is_download_available, true);
  const answer = await browser.get(`${version.authenticated_download_url}&access_token=${server.token}`);
  assert.equal((await browser.get(String(answer.headers.location))).text, 'one');
  assert.ok(!('authenticated_download_url' in (await api.get(path)).json.entries[0]));
});

test("a file in the trash or beyond the token's permissions is shown as unavailable and cannot be downloaded", async () => {
  const { id: gone } = await upload(api, 'gone.txt', 'a');
  await api.delete(`/files/${gone}`);
  const trashed = await api.get(`/files/${gone}/trash?fields=is_download_available`);
  assert.equal(trashed.json.is_download_available, false);

  const exchange = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: server.token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope: 'item_preview',
    resource: `https://api.box.com/2.0/files/${id}`,
  });
  const answer = await fetch(`${server.url}/oauth2/token`, { method: 'POST', body: exchange });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const seen = await new Api({ url: server.url, token }).get(`/files/${id}?fields=is_download_available`);
  assert.equal(seen.json.is_download_available, false, seen.text);
  assert.equal((await browser.get(`/files/${id}/content?access_token=${token}`)).status, 403);
});

test('a token in the query is never logged, whatever happens to the request', async () => {
  const query = `access_token=${server.token}`;
  for (const path of [`/files/${id}/content?${query}`, `/files/1/content?${query}`, `/nothing?${query}`]) {
    await browser.get(path);
  }
  await browser.get(`/files/100%/content?${query}`);
  await browser.get(`/files/${id}/content?${query}&x=%E9`);
  const last = await browser.get('/files/the-last-one/content');
  await server.waitForLog(new RegExp(String(last.headers['box-request-id'])));
  assert.ok(!server.stderr().includes(server.token));
});
