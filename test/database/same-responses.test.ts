import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { noPostgres } from '../engines/postgres.ts';
import { attributes, filePart, form, sendForm } from '../http/forms.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { onlySqlite } from '../support/test-database.ts';
import { newPostgresDatabase, stopPostgres } from './postgres-database.ts';

/** Names that are the same name, each in its own folder. */
const SAME_NAMES = [
  ['ΟΔΟΣ.txt', 'οδος.txt', 'οδοσ.TXT'],
  ['Straße', 'STRASSE', 'STRAẞE'],
  ['İ', 'i\u0307'],
  ['ÉCOLE', 'e\u0301cole', 'école'],
  ['Ǆ', 'ǆ', 'ǅ'],
  ['ﬀ', 'FF'],
  ['Ω', '\u2126', 'ω'],
];
/** Different names in one folder. */
const DIFFERENT_NAMES = [
  ['ı', 'i'],
  ['Ａ', 'a'],
  ['é', 'e'],
  ['x\u200b', 'x'],
  [notes(7), notes(11)],
];
/** 255 characters whose sort key has the maximum length: 12 bytes each, without repetition. */
function notes(step: number): string {
  const numbers = Array.from({ length: 255 }, (_, index) => ((index * index * step) >> 3) % 7);
  return String.fromCodePoint(...numbers.map((number) => 0x1d15e + number));
}

const NUL = 'a\u0000b';
const HALF = 'a\ud800b';

describe('SQLite and PostgreSQL', { skip: noPostgres || onlySqlite }, () => {
  let servers: TestServer[];
  let apis: Api[];
  let database: Awaited<ReturnType<typeof newPostgresDatabase>>;

  before(async () => {
    database = await newPostgresDatabase();
    const env = { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' };
    servers = await Promise.all([
      startServer({ env }),
      startServer({ env: { ...env, PARTWAY_DATABASE: database.url } }),
    ]);
    apis = servers.map((server) => new Api(server));
  });
  after(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await stopPostgres();
  });

  /** Makes the same calls to both servers, and fails if the responses differ. */
  async function callBoth<T>(calls: (api: Api) => Promise<T>): Promise<T> {
    const [onSqlite, onPostgres] = await Promise.all(apis.map(calls));
    assert.deepEqual(onPostgres, onSqlite);
    return onSqlite as T;
  }
  const summarize = ({ status, json }: ApiResponse): [number, unknown] => [status, json?.code];
  const createFolder = async (api: Api, parent: string, name: string) =>
    (await api.post('/folders', { name, parent: { id: parent } })).json.id;

  for (const names of SAME_NAMES) {
    test(`treat ${JSON.stringify(names)} as one name in every call`, async () => {
      const [first = '', ...others] = names;
      const answers = await callBoth(async (api) => {
        const parent = await createFolder(api, '0', `one ${first}`);
        const other = await createFolder(api, parent, 'other');
        await api.post('/folders', { name: first, parent: { id: parent } });
        const found = [];
        for (const name of others) {
          const responses = { name, parent: { id: parent } };
          found.push(
            await api.post('/folders', responses),
            await sendForm(api, '/files/content', form(attributes(responses), filePart('x'))),
            await api.call('OPTIONS', '/files/content', { body: responses }),
            await api.post('/files/upload_sessions', { folder_id: parent, file_size: 5000, file_name: name }),
            await api.call('PUT', `/folders/${other}`, { body: { name } }),
            await api.post(`/folders/${other}/copy`, responses),
          );
        }
        return found.map(summarize);
      });
      for (const answer of answers) assert.deepEqual(answer, [409, 'item_name_in_use']);
    });
  }

  for (const names of DIFFERENT_NAMES) {
    test(`treat ${names.map((name) => JSON.stringify(name.slice(0, 12))).join(', ')} as different names`, async () => {
      const answers = await callBoth(async (api) => {
        const parent = await createFolder(api, '0', `several ${names[0]?.slice(0, 12)}`);
        const found = [];
        for (const name of names) found.push(await api.post('/folders', { name, parent: { id: parent } }));
        return found.map(({ status, json }) => [status, json.name]);
      });
      assert.deepEqual(
        answers,
        names.map((name) => [201, name]),
      );
    });
  }

  test('list names in the same order', async () => {
    const names = ['b', 'A', 'ä', 'Z', 'ß', 'SSA', 'Σ1', 'ς0', '日本', '_', '10', '9', 'ı', 'I'];
    const listed = await callBoth(async (api) => {
      const parent = await createFolder(api, '0', 'ordered');
      for (const name of names) await createFolder(api, parent, name);
      const { entries } = (await api.get(`/folders/${parent}/items?sort=name`)).json;
      return entries.map(({ name }: { name: string }) => name);
    });
    assert.deepEqual(listed.toSorted(), names.toSorted());
  });

  test('treat logins as the same in any case, and find users by the start of their login in any case', async () => {
    const [first, second, third, found] = await callBoth(async (api) => {
      const made = await api.post('/users', { name: 'Ödön Σς', login: 'Straße@example.com' });
      const again = await api.post('/users', { name: 'Other', login: 'STRASSE@EXAMPLE.COM' });
      const other = await api.post('/users', { name: 'Other', login: 'other@example.com' });
      const renamed = await api.call('PUT', `/users/${other.json.id}`, { body: { login: 'strasse@example.com' } });
      const terms = ['ödön', 'ÖDÖN σσ', 'o\u0308do\u0308n', 'strass', 'STRAẞ', 'odon', '%', '_'];
      const lists = [];
      for (const term of terms)
        lists.push((await api.get(`/users?filter_term=${encodeURIComponent(term)}`)).json.total_count);
      return [summarize(made), summarize(again), summarize(renamed), lists] as const;
    });
    assert.deepEqual(first, [201, undefined]);
    assert.deepEqual(
      [second, third],
      [
        [409, 'user_login_already_used'],
        [409, 'user_login_already_used'],
      ],
    );
    assert.deepEqual(found, [1, 1, 1, 1, 1, 0, 0, 0]);
  });

  for (const [what, text] of [
    ['NUL', NUL],
    ['half a surrogate pair', HALF],
  ] as const) {
    test(`reject ${what} in every text of a body`, async () => {
      const responses = await callBoth(async (api) => {
        const id = await createFolder(api, '0', `texts ${what}`);
        const file = (
          await sendForm(
            api,
            '/files/content',
            form(attributes({ name: `f ${what}`, parent: { id: '0' } }), filePart('x')),
          )
        ).json.entries[0].id;
        const session = await api.createSession(`s ${what}`, 5000);
        const user = (await api.post('/users', { name: 'U', login: `u-${text.length}-${what.length}@example.com` }))
          .json.id;
        const answers = [
          await api.post('/folders', { name: text, parent: { id } }),
          await api.post('/folders', { name: 'x', parent: { id: text } }),
          ...(await Promise.all(
            [
              { name: text },
              { description: text },
              { tags: [text] },
              { sync_state: text },
              { unknown: text },
              { [text]: 1 },
            ].map((body) => api.call('PUT', `/folders/${id}`, { body })),
          )),
          await api.call('PUT', `/files/${file}`, { body: { content_created_at: text } }),
          await api.post(`/files/${file}/copy`, { parent: { id }, version: text }),
          await api.post(`/files/${file}/versions/current`, { id: text }),
          await api.post('/files/upload_sessions', { folder_id: id, file_size: 5000, file_name: text }),
          await api.post(
            `/files/upload_sessions/${session.id}/commit`,
            { parts: [{ part_id: text }] },
            { digest: `sha=${'A'.repeat(27)}=` },
          ),
          await api.post(`/files/upload_sessions/${session.id}/log`, { event_type: text }),
          await api.post(`/files/upload_sessions/${session.id}/log`, { event_type: 'x', event_info: { deep: [text] } }),
          await api.post('/users', { name: text, login: 'x@example.com' }),
          await api.post('/users', { name: 'x', login: text }),
        ];
        for (const field of ['job_title', 'phone', 'address', 'language', 'timezone', 'external_app_user_id']) {
          answers.push(await api.call('PUT', `/users/${user}`, { body: { [field]: text } }));
        }
        answers.push(
          await api.call('PUT', `/users/${user}`, { body: { tracking_codes: [{ name: text, value: text }] } }),
        );
        return answers.map(({ status }) => status);
      });
      assert.deepEqual(
        responses,
        responses.map(() => 400),
      );
    });
  }

  test('reject NUL in every parameter, marker and form', async () => {
    const marker = (key: string) =>
      Buffer.from(JSON.stringify(['name', 'asc', 'folder', key, 1])).toString('base64url');
    const responses = await callBoth(async (api) => {
      const answers = [];
      for (const path of [
        '/folders/0/items?marker=%00',
        `/folders/0/items?usemarker=true&marker=${marker(NUL)}`,
        `/folders/trash/items?usemarker=true&marker=${marker(NUL)}`,
        '/folders/0/items?sort=%00',
        '/folders/0?fields=%00',
        '/users?filter_term=%00',
        '/users?external_app_user_id=%00',
        '/files/upload_sessions?marker=%00',
      ]) {
        answers.push(summarize(await api.get(path)));
      }
      return answers;
    });
    assert.deepEqual(
      responses,
      responses.map(() => [400, 'bad_request']),
    );
    const forms = await Promise.all(
      servers.map(async ({ url }) => {
        const found = [];
        for (const body of [
          `grant_type=client_credentials&client_id=a%00&client_secret=b&box_subject_type=user&box_subject_id=1`,
          `grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=%00`,
          `grant_type=%00`,
        ]) {
          const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', body });
          found.push([answer.status, ((await answer.json()) as { error?: string }).error]);
        }
        return found;
      }),
    );
    assert.deepEqual(forms[0], forms[1]);
    for (const [status] of forms[0] ?? []) assert.equal(status, 400);
  });
});
