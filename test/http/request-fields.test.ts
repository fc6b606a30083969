import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { REQUESTS } from '../../packages/protocol/src/schemas/requests.ts';
import { readPage, withSection } from '../../scripts/request-fields-section.ts';
import { API_ROUTES } from '../auth/api-routes.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type BoxField, boxFields } from './box-fields.ts';
import { attributes, filePart, form, sendForm } from './forms.ts';

const bytes = seededBytes(3000, 'request-fields');
const DATE = '2020-02-29T10:20:30Z';

let server: TestServer;
let api: Api;
let target: string;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
  api = new Api(server);
  target = await createFolder();
});
after(() => server[Symbol.asyncDispose]());

let nameCount = 0;
function createName(): string {
  nameCount += 1;
  return `item-${nameCount}`;
}

async function createFolder(): Promise<string> {
  return (await api.post('/folders', { name: createName(), parent: { id: '0' } })).json.id;
}
async function createFile(): Promise<string> {
  const fields = { name: createName(), parent: { id: '0' } };
  return (await sendForm(api, '/files/content', form(attributes(fields), filePart(bytes)))).json.entries[0].id;
}
async function createUser(): Promise<string> {
  return (await api.post('/users', { name: 'User', login: `${createName()}@example.com` })).json.id;
}
async function moveToTrash(path: string): Promise<string> {
  assert.equal((await api.delete(path)).status, 204);
  return path;
}
async function createPastVersion(): Promise<{ file: string; version: string }> {
  const file = await createFile();
  await sendForm(api, `/files/${file}/content`, form(attributes({}), filePart('other')));
  return { file, version: (await api.get(`/files/${file}/versions`)).json.entries[0].id };
}

/** A valid call. Each test changes one field of it. */
interface Base {
  method: string;
  path: string;
  body?: Record<string, unknown>;
  multipart?: boolean;
  headers?: Record<string, string>;
}

/** A valid example of each call that has a body. */
const BASES: Record<string, () => Promise<Base>> = {
  'POST /files/upload_sessions': async () => ({
    method: 'POST',
    path: '/files/upload_sessions',
    body: { folder_id: '0', file_size: bytes.length, file_name: createName() },
  }),
  'POST /files/{file_id}/upload_sessions': async () => ({
    method: 'POST',
    path: `/files/${await createFile()}/upload_sessions`,
    body: { file_size: bytes.length },
  }),
  'POST /files/upload_sessions/{upload_session_id}/commit': async () => {
    const session = await api.createSession(createName(), bytes.length);
    const parts = await api.uploadParts(session, bytes);
    const headers = { digest: `sha=${sha1Base64(bytes)}` };
    return { method: 'POST', path: `/files/upload_sessions/${session.id}/commit`, headers, body: { parts } };
  },
  'POST /files/content': async () => ({
    method: 'POST',
    path: '/files/content',
    multipart: true,
    body: { attributes: { name: createName(), parent: { id: '0' } } },
  }),
  'POST /files/{file_id}/content': async () => ({
    method: 'POST',
    path: `/files/${await createFile()}/content`,
    multipart: true,
    body: { attributes: {} },
  }),
  'OPTIONS /files/content': async () => ({
    method: 'OPTIONS',
    path: '/files/content',
    body: { name: createName(), parent: { id: '0' } },
  }),
  'PUT /files/{file_id}': async () => ({ method: 'PUT', path: `/files/${await createFile()}`, body: {} }),
  'POST /files/{file_id}/copy': async () => ({
    method: 'POST',
    path: `/files/${await createFile()}/copy`,
    body: { name: createName(), parent: { id: '0' } },
  }),
  'POST /files/{file_id}': async () => ({
    method: 'POST',
    path: await moveToTrash(`/files/${await createFile()}`),
    body: {},
  }),
  'POST /files/{file_id}/versions/current': async () => {
    const { file, version } = await createPastVersion();
    return { method: 'POST', path: `/files/${file}/versions/current`, body: { id: version } };
  },
  'PUT /files/{file_id}/versions/{file_version_id}': async () => {
    const { file, version } = await createPastVersion();
    const path = await moveToTrash(`/files/${file}/versions/${version}`);
    return { method: 'PUT', path, body: { trashed_at: null } };
  },
  'POST /folders': async () => ({
    method: 'POST',
    path: '/folders',
    body: { name: createName(), parent: { id: '0' } },
  }),
  'PUT /folders/{folder_id}': async () => ({ method: 'PUT', path: `/folders/${await createFolder()}`, body: {} }),
  'POST /folders/{folder_id}/copy': async () => ({
    method: 'POST',
    path: `/folders/${await createFolder()}/copy`,
    body: { name: createName(), parent: { id: '0' } },
  }),
  'POST /folders/{folder_id}': async () => ({
    method: 'POST',
    path: await moveToTrash(`/folders/${await createFolder()}`),
    body: {},
  }),
  'POST /users': async () => ({
    method: 'POST',
    path: '/users',
    body: { name: 'User', login: `${createName()}@example.com` },
  }),
  'POST /users/terminate_sessions': async () => ({
    method: 'POST',
    path: '/users/terminate_sessions',
    body: { user_ids: [await createUser()] },
  }),
  'PUT /users/{user_id}': async () => ({ method: 'PUT', path: `/users/${await createUser()}`, body: {} }),
};

function send({ method, path, body, multipart, headers = {} }: Base): Promise<ApiResponse> {
  if (!multipart) return api.call(method, path, { body, headers });
  return sendForm(api, path, form(attributes(body?.attributes), filePart(bytes)), headers);
}

/** The body with another value in one field. On the way to it, the first entry of each list is changed. */
function withField(base: Base, path: string, value: unknown): Base {
  const body = structuredClone(base.body ?? {});
  const names = path.replaceAll('[]', '.0').split('.');
  const last = names.pop() as string;
  let at: Record<string, unknown> = body;
  for (const [depth, name] of names.entries()) {
    at[name] ??= (names[depth + 1] ?? last) === '0' ? [] : {};
    at = at[name] as Record<string, unknown>;
  }
  at[last] = value;
  return { ...base, body };
}

const valueAt = (json: unknown, path: string): unknown =>
  path
    .replaceAll('[]', '.0')
    .split('.')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], json);

/**
 * The value to send in a field, and where and how the response shows it. By default, it is under the field's own name.
 */
interface Stored {
  value: unknown | (() => unknown);
  /** Other fields that the call then needs. */
  extra?: Record<string, unknown>;
  at?: string;
  shown?: unknown;
}
type Effect = Stored | ((base: Base) => Promise<void>);

const NAME: Effect = { value: createName };
const PARENT: Effect = { value: () => target };
const UPLOADED: Record<string, Effect> = {
  'attributes.name': { value: createName, at: 'entries[].name' },
  'attributes.content_created_at': { value: DATE, at: 'entries[].content_created_at' },
  'attributes.content_modified_at': { value: DATE, at: 'entries[].content_modified_at' },
  'attributes.parent.id': { value: () => target, at: 'entries[].parent.id' },
};
const PLACE: Record<string, Effect> = { name: NAME, 'parent.id': PARENT };
const CHANGES: Record<string, Effect> = {
  ...PLACE,
  description: { value: 'what it is' },
  'tags[]': { value: 'a tag' },
};
const FLAG: Effect = { value: true };
const USER: Record<string, Effect> = {
  name: { value: 'Another Name' },
  login: { value: () => `${createName()}@example.com` },
  role: { value: 'coadmin' },
  language: { value: 'de' },
  timezone: { value: 'Europe/Berlin' },
  job_title: { value: 'Clerk' },
  phone: { value: '+49 30 1' },
  address: { value: 'A street\nA town' },
  space_amount: { value: 12_345 },
  status: { value: 'cannot_delete_edit' },
  external_app_user_id: { value: 'their-id' },
  'tracking_codes[].type': { value: 'tracking_code', extra: { tracking_codes: [{ name: 'n', value: 'v' }] } },
  'tracking_codes[].name': { value: 'center', extra: { tracking_codes: [{ name: 'n', value: 'v' }] } },
  'tracking_codes[].value': { value: '4711', extra: { tracking_codes: [{ name: 'n', value: 'v' }] } },
  is_sync_enabled: FLAG,
  can_see_managed_users: FLAG,
  is_external_collab_restricted: FLAG,
  is_exempt_from_device_limits: FLAG,
  is_exempt_from_login_verification: FLAG,
};

/** A field that is compared with something. A wrong value is rejected, so the field is read. */
function rejectsWrong(path: string, wrong: unknown, status: number): Effect {
  return async (base) => {
    const answer = await send(withField(base, path, wrong));
    assert.equal(answer.status, status, answer.text);
    assert.ok((await send(base)).status < 300);
  };
}

/** The effect of each field that is neither rejected nor ignored. */
const EFFECTS: Record<string, Record<string, Effect>> = {
  'POST /files/upload_sessions': {
    folder_id: (base) => sessionShows(withField(base, 'folder_id', target), 'folder_id', target),
    file_size: (base) => sessionShows(withField(base, 'file_size', 5000), 'file_size', 5000),
    file_name: (base) => sessionShows(withField(base, 'file_name', 'shown'), 'file_name', 'shown'),
  },
  'POST /files/{file_id}/upload_sessions': {
    file_size: (base) => sessionShows(withField(base, 'file_size', 5000), 'file_size', 5000),
    file_name: (base) => sessionShows(withField(base, 'file_name', 'renamed'), 'file_name', 'renamed'),
  },
  'POST /files/upload_sessions/{upload_session_id}/commit': {
    'parts[].part_id': rejectsWrong('parts[].part_id', '00000000', 400),
    'parts[].offset': rejectsWrong('parts[].offset', 1, 400),
    'parts[].size': rejectsWrong('parts[].size', 1, 400),
    'parts[].sha1': rejectsWrong('parts[].sha1', 'a'.repeat(40), 400),
  },
  'POST /files/content': UPLOADED,
  'POST /files/{file_id}/content': UPLOADED,
  'OPTIONS /files/content': {
    name: rejectsWrong('name', 'a/b', 400),
    size: rejectsWrong('size', 2 ** 50, 403),
    'parent.id': rejectsWrong('parent.id', '123456789', 404),
  },
  'PUT /files/{file_id}': {
    ...CHANGES,
    'lock.access': { value: 'lock', at: 'lock.type' },
    'lock.expires_at': { value: '2100-01-01T00:00:00Z' },
    'lock.is_download_prevented': FLAG,
  },
  'POST /files/{file_id}/copy': { ...PLACE, version: rejectsWrong('version', '123456789', 404) },
  'POST /files/{file_id}': PLACE,
  'POST /files/{file_id}/versions/current': {
    id: rejectsWrong('id', '123456789', 404),
    type: rejectsWrong('type', 'file', 400),
  },
  'PUT /files/{file_id}/versions/{file_version_id}': { trashed_at: rejectsWrong('trashed_at', DATE, 400) },
  'POST /folders': { ...PLACE, sync_state: { value: 'synced' } },
  'PUT /folders/{folder_id}': {
    ...CHANGES,
    sync_state: { value: 'partially_synced' },
    can_non_owners_invite: FLAG,
    can_non_owners_view_collaborators: FLAG,
    is_collaboration_restricted_to_enterprise: FLAG,
  },
  'POST /folders/{folder_id}/copy': PLACE,
  'POST /folders/{folder_id}': PLACE,
  'POST /users': { ...USER, is_platform_access_only: { value: false } },
  'PUT /users/{user_id}': USER,
  'POST /users/terminate_sessions': {
    'user_ids[]': rejectsWrong('user_ids[]', '123456789', 404),
    'user_logins[]': rejectsWrong('user_logins[]', 'nobody@example.com', 404),
  },
};

async function sessionShows(base: Base, field: string, value: unknown): Promise<void> {
  const { json, status, text } = await send(base);
  assert.equal(status, 201, text);
  const listed = await api.get('/files/upload_sessions?limit=1000');
  const session = listed.json.entries.find(({ id }: { id: string }) => id === json.id);
  assert.equal(session[field], value);
}

/** Calls whose fields have tests of their own, because they use forms and redirects. */
const ELSEWHERE: Record<string, string> = {
  'POST /oauth2/token': 'test/http/tokens-grants.test.ts',
  'POST /oauth2/revoke': 'test/http/tokens-grants.test.ts',
  'GET /authorize': 'test/http/tokens-authorize.test.ts',
};

const FIELDS = boxFields().filter(({ call }) => ELSEWHERE[call] === undefined);
const BODY = FIELDS.filter(({ place }) => place === 'body');
/** Fields that do not only contain other fields. */
const isLeaf = ({ call, path }: BoxField) =>
  !BODY.some((other) => other.call === call && (other.path.startsWith(`${path}.`) || other.path === `${path}[]`));

function example(type: string): unknown {
  return { string: 'x', boolean: true, integer: 7, number: 7, array: [{ id: '1' }], object: { x: 'y' } }[type];
}

test('every documented call that this server implements declares its fields', () => {
  const own = new Set([
    'GET /files/upload_sessions',
    'POST /files/upload_sessions/{upload_session_id}/plan',
    'POST /files/upload_sessions/{upload_session_id}/log',
    'OPTIONS /files/{file_id}/content',
  ]);
  for (const { method, url } of API_ROUTES) {
    const call = `${method} ${url}`
      .replace(':session_id', '{upload_session_id}')
      .replace(':version_id', '{file_version_id}')
      .replace(/thumbnail\.(png|jpg)/, 'thumbnail.{extension}')
      .replaceAll(/:([a-z_]+)/g, '{$1}');
    assert.ok(own.has(call) !== Object.hasOwn(REQUESTS, call), call);
  }
});

test('every field that Box documents is in a schema or has a note', () => {
  const unknown = boxFields().filter(({ schema, note }) => schema === undefined && note === undefined);
  assert.deepEqual(
    unknown.map(({ call, path }) => `${path} of ${call}`),
    [],
  );
});

describe('a field of a body that Box documents', () => {
  for (const field of BODY.filter(isLeaf)) {
    const { call, path, note, noted } = field;
    const base = () => (BASES[call] ?? (() => assert.fail(`no example of ${call}`)))();
    if (note === undefined) {
      test(`${path} of ${call} has its effect`, async () => {
        const effect = EFFECTS[call]?.[path];
        assert.ok(effect !== undefined, 'no effect is defined for this field');
        await (typeof effect === 'function' ? effect(await base()) : hasEffect(await base(), path, effect));
      });
    } else if ('refused' in note) {
      test(`${path} of ${call} is rejected with a message that names it, and harmless values are not`, async () => {
        const answer = await send(withField(withContext(await base(), noted), noted, example(getType(field))));
        assert.deepEqual([answer.status, answer.json?.code], [400, 'bad_request'], answer.text);
        assert.ok(answer.json.message.includes(noted) && answer.json.message.includes(note.refused.reason));
        const harmless = [...note.refused.accepts, ...(note.refused.refusesNull ? [] : [null])];
        for (const value of harmless) {
          const { status, text } = await send(withField(withContext(await base(), noted), noted, value));
          assert.ok(status < 300, text);
        }
      });
    } else {
      test(`${path} of ${call} is accepted and ignored`, async () => {
        const { status, text } = await send(withField(await base(), noted, example(getType(field))));
        assert.ok(status < 300, text);
      });
    }
  }

  for (const { call, path, type } of BODY.filter(({ note, call }) => note === undefined && BASES[call] !== undefined)) {
    // The form around the attributes is not JSON.
    if (path === 'attributes') continue;
    test(`${path} of ${call} with a value of another type is rejected with a message that names it`, async () => {
      const base = withContext(await (BASES[call] as () => Promise<Base>)(), path);
      const wrong = type === 'array' || type === 'object' ? 'text' : { not: 'this' };
      const answer = await send(withField(base, path, wrong));
      assert.equal(answer.status, 400, answer.text);
      const name = path.replaceAll('[]', '').split('.').at(-1) as string;
      assert.ok(answer.json.message.includes(name), answer.text);
    });
  }
});

/** Adds what a field needs around it, so that only the field itself is wrong. */
function withContext(base: Base, path: string): Base {
  if (path.startsWith('tracking_codes[].')) return withField(base, 'tracking_codes', [{ name: 'n', value: 'v' }]);
  return path === 'parent.user_id' ? withField(base, 'parent', { id: target }) : base;
}

/** The type of the field that is rejected or ignored. The documented field can be a part of that one. */
function getType({ call, noted, type }: BoxField): string {
  return BODY.find((other) => other.call === call && other.path === noted)?.type ?? type;
}

async function hasEffect(base: Base, path: string, { value, extra, at = path, shown }: Stored): Promise<void> {
  const sent = typeof value === 'function' ? value() : value;
  let call = base;
  for (const [name, other] of Object.entries(extra ?? {})) call = withField(call, name, other);
  const query = at.startsWith('entries') ? '' : `?fields=${at.split(/[.[]/, 1)[0]}`;
  const answer = await send(withField({ ...call, path: call.path + query }, path, sent));
  assert.ok(answer.status === 200 || answer.status === 201, answer.text);
  const expected = shown ?? (at === 'lock.type' ? 'lock' : sent);
  assert.deepEqual(valueAt(answer.json, at), expected, answer.text);
  // The value is stored.
  const entry = answer.json.entries?.[0] ?? answer.json;
  const storedAt = at.replace('entries[].', '');
  const again = await api.get(`/${entry.type}s/${entry.id}?fields=${storedAt.split(/[.[]/, 1)[0]}`);
  assert.deepEqual(valueAt(again.json, storedAt), expected);
}

test('docs/use/api-coverage.md lists the reasons that the schemas give', () => {
  const page = readPage();
  assert.equal(page, withSection(page), 'run npx node scripts/request-fields-section.ts');
});
