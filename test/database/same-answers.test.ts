import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { noPostgres } from '../engines/postgres.ts';
import { attributes, filePart, form, sendForm } from '../http/forms.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { onlySqlite } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { newPostgresDatabase, stopPostgres } from './postgres-database.ts';

/** Names that are one, each under its own folder. */
const ONE_NAME = [
  ['ΟΔΟΣ.txt', 'οδος.txt', 'οδοσ.TXT'],
  ['Straße', 'STRASSE', 'STRAẞE'],
  ['İ', 'i\u0307'],
  ['ÉCOLE', 'e\u0301cole', 'école'],
  ['Ǆ', 'ǆ', 'ǅ'],
  ['ﬀ', 'FF'],
  ['Ω', '\u2126', 'ω'],
];
/** Names of one folder that are not. */
const SEVERAL_NAMES = [
  ['ı', 'i'],
  ['Ａ', 'a'],
  ['é', 'e'],
  ['x\u200b', 'x'],
  [notes(7), notes(11)],
];
/** 255 characters whose key is as long as a key can be: 12 bytes each, and nothing that repeats. */
function notes(step: number): string {
  const numbers = Array.from({ length: 255 }, (_, index) => ((index * index * step) >> 3) % 7);
  return String.fromCodePoint(...numbers.map((number) => 0x1d15e + number));
}

const NUL = 'a\u0000b';
const HALF = 'a\ud800b';

describe('both databases', { skip: noPostgres || onlySqlite }, () => {
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

  /** What each server says to the same calls; the same, or else it fails. */
  async function both<T>(calls: (api: Api) => Promise<T>): Promise<T> {
    const [onSqlite, onPostgres] = await Promise.all(apis.map(calls));
    assert.deepEqual(onPostgres, onSqlite);
    return onSqlite as T;
  }
  const brief = ({ status, json }: ApiResponse): [number, unknown] => [status, json?.code];
  const folderIn = async (api: Api, parent: string, name: string) =>
    (await api.post('/folders', { name, parent: { id: parent } })).json.id;

  for (const names of ONE_NAME) {
    test(`take ${JSON.stringify(names)} for one name, whatever takes it`, async () => {
      const [first = '', ...others] = names;
      const answers = await both(async (api) => {
        const parent = await folderIn(api, '0', `one ${first}`);
        const other = await folderIn(api, parent, 'other');
        await api.post('/folders', { name: first, parent: { id: parent } });
        const found = [];
        for (const name of others) {
          const said = { name, parent: { id: parent } };
          found.push(
            await api.post('/folders', said),
            await sendForm(api, '/files/content', form(attributes(said), filePart('x'))),
            await api.call('OPTIONS', '/files/content', { body: said }),
            await api.post('/files/upload_sessions', { folder_id: parent, file_size: 5000, file_name: name }),
            await api.call('PUT', `/folders/${other}`, { body: { name } }),
            await api.post(`/folders/${other}/copy`, said),
          );
        }
        return found.map(brief);
      });
      for (const answer of answers) assert.deepEqual(answer, [409, 'item_name_in_use']);
    });
  }

  for (const names of SEVERAL_NAMES) {
    test(`take ${names.map((name) => JSON.stringify(name.slice(0, 12))).join(', ')} for several names`, async () => {
      const answers = await both(async (api) => {
        const parent = await folderIn(api, '0', `several ${names[0]?.slice(0, 12)}`);
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

  test('list names in one order', async () => {
    const names = ['b', 'A', 'ä', 'Z', 'ß', 'SSA', 'Σ1', 'ς0', '日本', '_', '10', '9', 'ı', 'I'];
    const listed = await both(async (api) => {
      const parent = await folderIn(api, '0', 'ordered');
      for (const name of names) await folderIn(api, parent, name);
      const { entries } = (await api.get(`/folders/${parent}/items?sort=name`)).json;
      return entries.map(({ name }: { name: string }) => name);
    });
    assert.deepEqual(listed.toSorted(), names.toSorted());
  });

  test('take logins for one in whatever case, and find users by how they begin in any', async () => {
    const [first, second, third, found] = await both(async (api) => {
      const made = await api.post('/users', { name: 'Ödön Σς', login: 'Straße@example.com' });
      const again = await api.post('/users', { name: 'Other', login: 'STRASSE@EXAMPLE.COM' });
      const other = await api.post('/users', { name: 'Other', login: 'other@example.com' });
      const renamed = await api.call('PUT', `/users/${other.json.id}`, { body: { login: 'strasse@example.com' } });
      const terms = ['ödön', 'ÖDÖN σσ', 'o\u0308do\u0308n', 'strass', 'STRAẞ', 'odon', '%', '_'];
      const lists = [];
      for (const term of terms)
        lists.push((await api.get(`/users?filter_term=${encodeURIComponent(term)}`)).json.total_count);
      return [brief(made), brief(again), brief(renamed), lists] as const;
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
    test(`refuse ${what} in every text of a body`, async () => {
      const said = await both(async (api) => {
        const id = await folderIn(api, '0', `texts ${what}`);
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
        said,
        said.map(() => 400),
      );
    });
  }

  test('refuse NUL in every parameter, marker and form', async () => {
    const marker = (key: string) =>
      Buffer.from(JSON.stringify(['name', 'asc', 'folder', key, 1])).toString('base64url');
    const said = await both(async (api) => {
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
        answers.push(brief(await api.get(path)));
      }
      return answers;
    });
    assert.deepEqual(
      said,
      said.map(() => [400, 'bad_request']),
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
