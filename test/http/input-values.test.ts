import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, filePart, form, sendForm } from './forms.ts';

const PART = 65_536;
const bytes = seededBytes(PART + 100, 'input-values');

let server: TestServer;
let api: Api;

before(async () => {
  const env = { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '1000' };
  server = await startServer({ env });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

let count = 0;
function freshName(): string {
  count += 1;
  return `item ${count}`;
}

async function createFile(): Promise<string> {
  const answer = await uploadDirectly('/files/content', { name: freshName(), parent: { id: '0' } });
  assert.equal(answer.status, 201, answer.text);
  return answer.json.entries[0].id;
}

async function createFolder(): Promise<string> {
  return (await api.post('/folders', { name: freshName(), parent: { id: '0' } })).json.id;
}

async function createTrashed(kind: 'files' | 'folders'): Promise<string> {
  const id = await (kind === 'files' ? createFile() : createFolder());
  assert.equal((await api.delete(`/${kind}/${id}`)).status, 204);
  return id;
}

function uploadDirectly(path: string, fields: unknown): Promise<ApiResponse> {
  return sendForm(api, path, form(attributes(fields), filePart('x')));
}

async function commit(fields: object, fileId?: string): Promise<ApiResponse> {
  const session =
    fileId === undefined
      ? await api.createSession(freshName(), bytes.length)
      : (await api.post(`/files/${fileId}/upload_sessions`, { file_size: bytes.length })).json;
  const parts = await api.uploadParts(session, bytes);
  const answer = await api.commit(session.id, parts, bytes, { attributes: fields });
  // After a rejected commit, a valid one succeeds.
  if (answer.status === 400) assert.equal((await api.commit(session.id, parts, bytes)).status, 201);
  return answer;
}

type Send = (value: unknown) => Promise<ApiResponse>;

/** Every request that sets a name. */
const NAMES: Record<string, Send> = {
  'POST /folders': (name) => api.post('/folders', { name, parent: { id: '0' } }),
  'PUT /folders/:id': async (name) => api.call('PUT', `/folders/${await createFolder()}`, { body: { name } }),
  'POST /folders/:id/copy': async (name) =>
    api.post(`/folders/${await createFolder()}/copy`, { name, parent: { id: '0' } }),
  'POST /folders/:id': async (name) => api.post(`/folders/${await createTrashed('folders')}`, { name }),
  'PUT /files/:id': async (name) => api.call('PUT', `/files/${await createFile()}`, { body: { name } }),
  'POST /files/:id/copy': async (name) => api.post(`/files/${await createFile()}/copy`, { name, parent: { id: '0' } }),
  'POST /files/:id': async (name) => api.post(`/files/${await createTrashed('files')}`, { name }),
  'POST /files/content': (name) => uploadDirectly('/files/content', { name, parent: { id: '0' } }),
  'POST /files/:id/content': async (name) => uploadDirectly(`/files/${await createFile()}/content`, { name }),
  'OPTIONS /files/content': (name) => api.call('OPTIONS', '/files/content', { body: { name, parent: { id: '0' } } }),
  'OPTIONS /files/:id/content': async (name) =>
    api.call('OPTIONS', `/files/${await createFile()}/content`, { body: { name } }),
  'POST /files/upload_sessions': (name) =>
    api.post('/files/upload_sessions', { folder_id: '0', file_size: 5000, file_name: name }),
  'POST /files/:id/upload_sessions': async (name) =>
    api.post(`/files/${await createFile()}/upload_sessions`, { file_size: 5000, file_name: name }),
  'a commit of a new file': (name) => commit({ name }),
  'a commit of a new version': async (name) => commit({ name }, await createFile()),
};

/** Every request that sets a description. */
const DESCRIPTIONS: Record<string, Send> = {
  'POST /files/content': (description) =>
    uploadDirectly('/files/content', { name: freshName(), parent: { id: '0' }, description }),
  'POST /files/:id/content': async (description) =>
    uploadDirectly(`/files/${await createFile()}/content`, { description }),
  'a commit of a new file': (description) => commit({ description }),
  'a commit of a new version': async (description) => commit({ description }, await createFile()),
  'PUT /files/:id': async (description) => api.call('PUT', `/files/${await createFile()}`, { body: { description } }),
  'POST /folders': (description) => api.post('/folders', { name: freshName(), parent: { id: '0' }, description }),
  'PUT /folders/:id': async (description) =>
    api.call('PUT', `/folders/${await createFolder()}`, { body: { description } }),
};

/** Every request that sets tags. */
const TAGS: Record<string, Send> = {
  'POST /files/content': (tags) => uploadDirectly('/files/content', { name: freshName(), parent: { id: '0' }, tags }),
  'POST /files/:id/content': async (tags) => uploadDirectly(`/files/${await createFile()}/content`, { tags }),
  'a commit of a new file': (tags) => commit({ tags }),
  'a commit of a new version': async (tags) => commit({ tags }, await createFile()),
  'PUT /files/:id': async (tags) => api.call('PUT', `/files/${await createFile()}`, { body: { tags } }),
  'POST /folders': (tags) => api.post('/folders', { name: freshName(), parent: { id: '0' }, tags }),
  'PUT /folders/:id': async (tags) => api.call('PUT', `/folders/${await createFolder()}`, { body: { tags } }),
};

/** Every request that sets a date, with the name of the field in error messages. */
const DATES: Record<string, Send> = {};
for (const field of ['content_created_at', 'content_modified_at']) {
  DATES[`${field} of POST /files/content`] = (date) =>
    uploadDirectly('/files/content', { name: freshName(), parent: { id: '0' }, [field]: date });
  DATES[`${field} of POST /files/:id/content`] = async (date) =>
    uploadDirectly(`/files/${await createFile()}/content`, { [field]: date });
  DATES[`${field} of a commit of a new file`] = (date) => commit({ [field]: date });
  DATES[`${field} of a commit of a new version`] = async (date) => commit({ [field]: date }, await createFile());
  DATES[`${field} of PUT /files/:id`] = async (date) =>
    api.call('PUT', `/files/${await createFile()}`, { body: { [field]: date } });
}
DATES['lock.expires_at of PUT /files/:id'] = async (expires_at) =>
  api.call('PUT', `/files/${await createFile()}?fields=lock`, { body: { lock: { expires_at } } });

const BAD_NAMES: [what: string, name: string, code: string][] = [
  ['of 256 characters', 'x'.repeat(256), 'item_name_too_long'],
  ['of 256 characters with two UTF-16 code units each', '👩'.repeat(256), 'item_name_too_long'],
  ['of 40,000 characters', 'x'.repeat(40_000), 'item_name_too_long'],
  ['that is empty', '', 'item_name_invalid'],
  ['that is a dot', '.', 'item_name_invalid'],
  ['that is two dots', '..', 'item_name_invalid'],
  ['with a slash', 'a/b', 'item_name_invalid'],
  ['with a backslash', 'a\\b', 'item_name_invalid'],
  ['with a trailing space', 'a ', 'item_name_invalid'],
  ['with a tab', 'a\tb', 'item_name_invalid'],
  ['with a C1 control character', 'a\u0085b', 'item_name_invalid'],
  ['with NUL', 'a\u0000b', 'bad_request'],
  ['with an unpaired surrogate', 'a\ud83d', 'bad_request'],
];

const BAD_DESCRIPTIONS: [what: string, value: unknown][] = [
  ['of 257 characters', 'x'.repeat(257)],
  ['of 5,000 characters', 'x'.repeat(5000)],
  ['with NUL', 'a\u0000b'],
  ['with an unpaired surrogate', '\udc00'],
  ['that is a number', 7],
  ['that is an array', ['x']],
];

const BAD_TAGS: [what: string, value: unknown][] = [
  ['101 tags', Array.from({ length: 101 }, (_, at) => `tag ${at}`)],
  ['a tag of 256 characters', ['x'.repeat(256)]],
  ['an empty tag', ['fine', '']],
  ['a tag with NUL', ['a\u0000b']],
  ['a tag with an unpaired surrogate', ['\ud800']],
  ['a tag that is a number', [7]],
  ['a string instead of an array', 'tag'],
];

const BAD_DATES: [what: string, value: unknown][] = [
  ['before the year 1 after its offset is applied', '0000-01-01T00:00:00+02:00'],
  ['in the year 0 only because of its offset', '0001-01-01T00:00:00+00:01'],
  ['after the year 9999 because of its offset', '9999-12-31T23:59:59-08:00'],
  ['on the 30th of February', '2020-02-30T00:00:00Z'],
  ['on a leap day of 1900', '1900-02-29T00:00:00Z'],
  ['on the 31st of April', '2026-04-31T00:00:00Z'],
  ['on day 0', '2026-04-00T00:00:00Z'],
  ['in month 13', '2026-13-01T00:00:00Z'],
  ['in month 0', '2026-00-01T00:00:00Z'],
  ['at 24:00', '2026-01-01T24:00:00Z'],
  ['at minute 60', '2026-01-01T00:60:00Z'],
  ['in a leap second', '2016-12-31T23:59:60Z'],
  ['with an offset of 24 hours', '2026-01-01T00:00:00+24:00'],
  ['with an offset of 60 minutes', '2026-01-01T00:00:00+01:60'],
  ['without a time zone', '2026-01-01T00:00:00'],
  ['without a time', '2026-01-01'],
  ['with a five-digit year', '+12026-01-01T00:00:00Z'],
  ['that is not a date', 'yesterday'],
  ['that is empty', ''],
  ['that is a number', 1_700_000_000],
  ['with digits that are not ASCII', '２０２６-01-01T00:00:00Z'],
];

for (const [way, send] of Object.entries(NAMES)) {
  describe(`with ${way}`, () => {
    for (const [what, name, code] of BAD_NAMES) {
      test(`a name ${what} is rejected as ${code}`, async () => {
        const { status, json, text } = await send(name);
        assert.deepEqual([status, json?.code], [400, code], text);
        assert.match(json.message, /\bname\b|file_name/);
      });
    }
    test('a name of 255 characters is accepted, however many bytes it has', async () => {
      const { status, text } = await send('👩'.repeat(250) + String(100 + Object.keys(NAMES).indexOf(way)));
      assert.ok(status === 200 || status === 201, `${status} ${text}`);
    });
  });
}

for (const [way, send] of Object.entries(DESCRIPTIONS)) {
  describe(`with ${way}`, () => {
    for (const [what, value] of BAD_DESCRIPTIONS) {
      test(`a description ${what} is rejected with a message that names the field`, async () => {
        const { status, json, text } = await send(value);
        assert.deepEqual([status, json?.code], [400, 'bad_request'], text);
        assert.match(json.message, /description/);
      });
    }
    test('a description of 256 characters is accepted and returned', async () => {
      const { status, json, text } = await send('👩'.repeat(256));
      assert.ok(status === 200 || status === 201, text);
      assert.equal((json.entries?.[0] ?? json).description, '👩'.repeat(256));
    });
  });
}

for (const [way, send] of Object.entries(TAGS)) {
  describe(`with ${way}`, () => {
    for (const [what, value] of BAD_TAGS) {
      test(`a request with ${what} is rejected with a message that names the field`, async () => {
        const { status, json, text } = await send(value);
        assert.deepEqual([status, json?.code], [400, 'bad_request'], text);
        assert.match(json.message, /tags/);
      });
    }
    test('100 tags of 255 characters are accepted and returned', async () => {
      const tags = Array.from({ length: 100 }, (_, at) => String(at).padEnd(255, 'x'));
      const { status, json, text } = await send(tags);
      assert.ok(status === 200 || status === 201, text);
      const { type, id } = json.entries?.[0] ?? json;
      assert.deepEqual((await api.get(`/${type}s/${id}?fields=tags`)).json.tags, tags);
    });
  });
}

for (const [way, send] of Object.entries(DATES)) {
  const field = way.split(' ', 1)[0] ?? '';
  describe(`as ${way}`, () => {
    for (const [what, value] of BAD_DATES) {
      test(`a date ${what} is rejected with a message that names the field`, async () => {
        const { status, json, text } = await send(value);
        assert.deepEqual([status, json?.code], [400, 'bad_request'], text);
        assert.ok(json.message.includes(field), json.message);
      });
    }
    for (const [sent, shown] of [
      ['0000-12-31T23:30:00-00:30', '0001-01-01T00:00:00Z'],
      ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59Z'],
      ['2024-02-29t12:00:00.5+0530', '2024-02-29T06:30:00Z'],
    ] as const) {
      test(`the date ${sent} is accepted and returned as ${shown}`, async () => {
        const { status, json, text } = await send(sent);
        assert.ok(status === 200 || status === 201, text);
        const entry = json.entries?.[0] ?? json;
        if (field !== 'lock.expires_at') assert.equal(entry[field], shown);
        // An expired lock is not returned.
        else if (shown.startsWith('9')) assert.equal(entry.lock.expires_at, shown);
      });
    }
  });
}

test('any query parameter with NUL is rejected', async () => {
  for (const path of [
    '/folders/0/items?marker=%00',
    '/folders/0?fields=a%00',
    '/users?filter_term=%00',
    '/users/me?x=%00',
  ]) {
    const { status, json } = await api.get(path);
    assert.deepEqual([status, json.code], [400, 'bad_request'], path);
  }
});
