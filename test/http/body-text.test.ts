import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { MAX_JSON_NESTING, MAX_JSON_VALUES } from '../../packages/server/src/http/request/parse-json.ts';
import { API_ROUTES, createCall } from '../auth/api-routes.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { filePart, form, sendForm, upload } from './forms.ts';

const PART = 65_536;
const SIZE = PART + 500;

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '1000' } });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

function assertRejected(answer: ApiResponse, status: number, code: string, said?: RegExp): void {
  assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.text);
  assert.equal(answer.json.request_id, answer.headers['box-request-id']);
  if (said) assert.match(answer.json.message, said);
}

async function listNames(): Promise<string[]> {
  const answer = await api.get('/folders/0/items?limit=1000');
  return answer.json.entries.map(({ name }: { name: string }) => name);
}

function createFolder(encoded: Uint8Array, type?: string): Promise<ApiResponse> {
  return api.call('POST', '/folders', { body: encoded, headers: type === undefined ? {} : { 'content-type': type } });
}

/** The JSON of a folder with these bytes as its name. */
function folderJson(...name: (string | number)[]): Buffer {
  const bytes = name.map((piece) => (typeof piece === 'number' ? Buffer.from([piece]) : Buffer.from(piece)));
  return Buffer.concat([Buffer.from('{"parent":{"id":"0"},"name":"'), ...bytes, Buffer.from('"}')]);
}

function utf16(text: string, order: 'le' | 'be', mark: boolean): Buffer {
  const bytes = Buffer.from((mark ? '\ufeff' : '') + text, 'utf16le');
  return order === 'le' ? bytes : bytes.swap16();
}

for (const [what, bytes] of [
  ['a Latin-1 letter', [0xe9]],
  ['a truncated character', [0xe2, 0x82]],
  ['an overlong slash', [0xc0, 0xaf]],
  ['a surrogate in UTF-8', [0xed, 0xa0, 0x80]],
] as const) {
  test(`a JSON body with ${what} is rejected as invalid UTF-8 and creates nothing`, async () => {
    const before = await listNames();
    for (const type of [
      undefined,
      'application/json',
      'application/json; charset=utf-8',
      'text/plain; charset="UTF-8"',
    ]) {
      assertRejected(await createFolder(folderJson('caf', ...bytes), type), 400, 'bad_request', /UTF-8/);
    }
    assert.deepEqual(await listNames(), before);
  });
}

test('a JSON body is decoded in the charset that it declares', async () => {
  const text = '{"parent":{"id":"0"},"name":"NAME é"}';
  for (const [type, body] of [
    ['application/json; charset=ISO-8859-1', Buffer.from(text, 'latin1')],
    ['application/json; charset="iso-8859-1"; x=y', Buffer.from(text, 'latin1')],
    ['application/json;charset=windows-1252', Buffer.from(text, 'latin1')],
    ['text/plain; charset=utf-16le', utf16(text, 'le', false)],
    ['application/json; charset=utf-16', utf16(text, 'be', true)],
    ['application/json; charset=utf-16', utf16(text, 'le', true)],
    ['application/json; charset=utf-16', utf16(text, 'be', false)],
    ['application/json', Buffer.from(`\ufeff${text}`)],
  ] as const) {
    const answer = await createFolder(body, type);
    assert.deepEqual([answer.status, answer.json.name], [201, 'NAME é'], type);
    await api.delete(`/folders/${answer.json.id}`);
  }
});

test('an unsupported charset gets 415 if it could change the meaning of the body', async () => {
  assertRejected(
    await createFolder(folderJson('caf', 0xe9), 'application/json; charset=x-none'),
    415,
    'unsupported_media_type',
  );
  assertRejected(
    await createFolder(folderJson('+AOk-'), 'application/json; charset=utf-7'),
    415,
    'unsupported_media_type',
  );
  const ascii = await createFolder(folderJson('ascii'), 'application/json; charset=binary');
  assert.deepEqual([ascii.status, ascii.json.name], [201, 'ascii']);
});

test('a compressed body gets 415, and the Content-Encoding header of plain JSON is ignored', async () => {
  const { gzipSync } = await import('node:zlib');
  const body = gzipSync(folderJson('packed'));
  const packed = await api.call('POST', '/folders', { body, headers: { 'content-encoding': 'gzip' } });
  assertRejected(packed, 415, 'unsupported_media_type', /content-encoding/);
  for (const encoding of ['identity', 'UTF-8', '', 'gzip']) {
    const headers = { 'content-encoding': encoding };
    const plain = await api.call('POST', '/folders', { body: folderJson(`plain (${encoding})`), headers });
    assert.equal(plain.status, 201, plain.text);
  }
  const broken = await api.call('POST', '/folders', { body: '{', headers: { 'content-encoding': 'identity' } });
  assertRejected(broken, 400, 'bad_request');
});

test('an unpaired surrogate is rejected anywhere in a body, even in a key', async () => {
  const parent = '"parent":{"id":"0"}';
  for (const body of [
    `{${parent},"name":"a\\ud800"}`,
    `{${parent},"name":"\\uDFFFa"}`,
    `{${parent},"name":"fine","tags":["\\udc00\\ud800"]}`,
    `{${parent},"name":"fine","\\ud800":1}`,
  ]) {
    assertRejected(await api.post('/folders', body), 400, 'bad_request', /surrogate/);
  }
  const pair = await api.post('/folders', `{${parent},"name":"a\\ud83d\\ude00"}`);
  assert.deepEqual([pair.status, pair.json.name], [201, 'a😀']);
  const attributes = { disposition: 'name="attributes"', body: `{${parent},"name":"\\ud800"}` };
  assertRejected(
    await sendForm(api, '/files/content', form(attributes, filePart('a'))),
    400,
    'bad_request',
    /surrogate/,
  );
});

test('a body that is nested too deeply or has too many values is rejected', async () => {
  const parent = '"parent":{"id":"0"}';
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const answer = (extra: string) => api.post('/folders', `{${parent},"name":"nested","extra":${extra}}`);
  assertRejected(await answer(nested(MAX_JSON_NESTING)), 400, 'bad_request', /nested/);
  assertRejected(await answer('{"a":'.repeat(9000) + 1 + '}'.repeat(9000)), 400, 'bad_request', /nested/);
  const brackets = await api.post('/folders', `{${parent},"name":"${'['.repeat(100)}"}`);
  assert.equal(brackets.status, 201, 'brackets in a string do not count as nesting');

  const session = await api.createSession('values.bin', SIZE);
  const commit = `/files/upload_sessions/${session.id}/commit`;
  const zeros = `{"parts":[${'0,'.repeat(MAX_JSON_VALUES)}0]}`;
  assertRejected(
    await api.post(commit, zeros, { digest: `sha=${sha1Base64(Buffer.alloc(0))}` }),
    400,
    'bad_request',
    /values/,
  );
});

test('a query that is not percent-encoded UTF-8 is rejected', async () => {
  for (const query of ['fields=%E9', 'fields=100%', 'marker=%ed%a0%80', 'fields=name&x=%C3', '%ff=1']) {
    assertRejected(await api.get(`/folders/0/items?${query}`), 400, 'bad_request', /UTF-8/);
  }
  assert.equal((await api.get('/folders/0/items?fields=name%2Cid&x=%C3%A9+%25')).status, 200);
  const raw = await rawStatus(Buffer.from('GET /2.0/folders/0/items?fields=\xe9 HTTP/1.1\r\nhost: x\r\n', 'latin1'));
  assert.equal(raw, 400);
});

test('a form that is not UTF-8 is rejected with an OAuth error', async () => {
  const post = (body: string | Buffer, type = 'application/x-www-form-urlencoded') =>
    api.call('POST', `${server.url}/oauth2/token`, { body, headers: { 'content-type': type } });
  for (const body of ['grant_type=%E9', Buffer.from('grant_type=caf\xe9', 'latin1'), 'grant_type=100%']) {
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.json?.error], [400, 'invalid_request'], answer.text);
    assert.match(answer.json.error_description, /UTF-8/);
  }
  const read = await post(
    Buffer.from('grant_type=caf\xe9', 'latin1'),
    'application/x-www-form-urlencoded; charset=latin1',
  );
  assert.equal(read.json.error, 'unsupported_grant_type');
  const page = await api.call('POST', `${server.url}/oauth2/authorize`, { body: 'ticket=%E9' });
  assert.equal(page.status, 400);
  assert.match(page.text, /<!doctype html>/);
});

test('Basic credentials that are not UTF-8, in Base64 or in percent-encoding, are rejected with that reason', async () => {
  for (const credentials of [
    Buffer.from('caf\xe9:secret', 'latin1'),
    Buffer.from('caf%E9:a'),
    Buffer.from('a:caf%E9'),
  ]) {
    const answer = await api.call('POST', `${server.url}/oauth2/token`, {
      body: 'grant_type=client_credentials&box_subject_type=user&box_subject_id=1',
      headers: { authorization: `Basic ${credentials.toString('base64')}` },
    });
    assert.deepEqual([answer.status, answer.json?.error], [400, 'invalid_client'], answer.text);
    assert.match(answer.json.error_description, /UTF-8/);
  }
});

const TYPES = [
  '',
  'undefined',
  'foo',
  '; charset=binary',
  'a/b/c',
  ',',
  'text/plain; q',
  '\xe9',
  'null, text/plain',
  '/',
];

test('the content type of a part is ignored', async () => {
  const session = await api.createSession('types.bin', SIZE);
  const first = { offset: 0, bytes: seededBytes(SIZE, 'types').subarray(0, PART), total: SIZE };
  for (const type of TYPES) {
    const answer = await api.putPart(session.id, first, { 'content-type': type });
    assert.equal(answer.status, 200, `${JSON.stringify(type)}: ${answer.text}`);
  }
  const several = await api.call('PUT', `/files/upload_sessions/${session.id}`, {
    headers: {
      digest: `sha=${sha1Base64(first.bytes)}`,
      'content-range': `bytes 0-${PART - 1}/${SIZE}`,
      'content-type': ['text/plain', 'foo'] as unknown as string,
    },
    body: first.bytes,
  });
  assert.equal(several.status, 200, several.text);
});

test("no route's response depends on a content type that the route does not use", async () => {
  const file = await upload(api, 'routes.bin', 'a');
  for (const route of API_ROUTES.filter(({ multipart }) => !multipart)) {
    // Use IDs that let no call change what the next one finds. For such calls, an error about the address is enough.
    const ids = { file: file.id, folder: '0', session: 'A'.repeat(32) };
    const harmless = route.method === 'GET' || route.method === 'OPTIONS' ? ids : { ...ids, file: '1', folder: '1' };
    const { method } = route;
    const { path, call } = createCall(route, harmless);
    const answers = new Set<number>();
    for (const type of [undefined, 'application/json', ...TYPES]) {
      const headers = { ...call.headers, ...(type !== undefined && { 'content-type': type }) };
      answers.add((await api.call(method, path, { headers, body: '{}' })).status);
    }
    assert.equal(answers.size, 1, `${method} ${path}: ${[...answers]}`);
    assert.ok(!answers.has(415), `${method} ${path}`);
  }
});

test('the body of a GET or DELETE is ignored', async () => {
  for (const type of ['', 'foo', 'application/json']) {
    const { id } = await upload(api, 'deleted.bin', 'a');
    const call = { headers: { 'content-type': type }, body: '{"no json' };
    assert.equal((await api.call('GET', `/files/${id}`, call)).status, 200);
    assert.equal((await api.call('DELETE', `/files/${id}`, call)).status, 204);
  }
});

/** The status of the response to a request without a body, sent as raw bytes. */
function rawStatus(head: Buffer): Promise<number> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    Buffer.concat([head, Buffer.from(`authorization: Bearer ${server.token}\r\nconnection: close\r\n\r\n`)]),
  );
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => resolve(Number(text.split(' ')[1])));
    socket.on('error', reject);
  });
}
