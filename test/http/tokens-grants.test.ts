import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SignJWT } from 'jose';
import { createKeyPair } from '../auth/auth-fixture.ts';
import { createDownscopedToken } from '../auth/downscoped-token.ts';
import { type AddedApp, partwayJson } from '../auth/operator.ts';
import { addUser, requestToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';

const key = createKeyPair();

let server: TestServer;
let app: AddedApp;
before(async () => {
  server = await startServer();
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-key-')));
  await writeFile(join(folder, 'public.pem'), key.publicPem);
  app = await partwayJson(server, 'app', 'add', 'App', '--as-user', '--public-key', join(folder, 'public.pem'));
});
after(() => server[Symbol.asyncDispose]());

const credentials = (change: Record<string, string> = {}) => ({
  grant_type: 'client_credentials',
  client_id: app.client_id,
  client_secret: app.client_secret,
  box_subject_type: 'enterprise',
  box_subject_id: '1',
  ...change,
});
const send = (path: string, form: Record<string, string> | URLSearchParams | string, headers = {}) =>
  fetch(server.url + path, {
    method: 'POST',
    body: typeof form === 'string' ? form : new URLSearchParams(form),
    headers,
  });
async function readToken(answer: Response): Promise<string> {
  const body = (await answer.json()) as { access_token: string };
  assert.equal(answer.status, 200, JSON.stringify(body));
  return body.access_token;
}
const readError = async (answer: Response) => [answer.status, ((await answer.json()) as { error: string }).error];
const createApi = (token: string) => new Api({ url: server.url, token });

test('tokens are issued and revoked at every path that clients use', async () => {
  for (const prefix of ['/oauth2', '/api/oauth2']) {
    const answer = await send(`${prefix}/token`, credentials());
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const token = await readToken(answer);
    assert.equal((await createApi(token).get('/users/me')).status, 200);
    const { client_id, client_secret } = app;
    const revoked = await send(`${prefix}/revoke`, { client_id, client_secret, token });
    assert.deepEqual([revoked.status, await revoked.text()], [200, '']);
    assert.equal((await createApi(token).get('/users/me')).status, 401);
  }
});

test("revoking an unknown token succeeds, and revoking one without the app's secret fails", async () => {
  const { client_id, client_secret } = app;
  assert.equal((await send('/oauth2/revoke', { client_id, client_secret, token: 'unknown' })).status, 200);
  assert.equal((await send('/oauth2/revoke', { client_id, client_secret, token: server.token })).status, 200);
  assert.equal((await createApi(server.token).get('/users/me')).status, 200);
  const token = await readToken(await send('/oauth2/token', credentials()));
  assert.deepEqual(await readError(await send('/oauth2/revoke', { client_id, client_secret: 'x', token })), [
    400,
    'invalid_client',
  ]);
  assert.deepEqual(await readError(await send('/oauth2/revoke', { token })), [400, 'invalid_request']);
  assert.equal((await createApi(token).get('/users/me')).status, 200);
});

test('an app can authenticate with HTTP Basic', async () => {
  const form = credentials();
  const { client_id: id, client_secret: secret, ...rest } = form;
  const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
  await readToken(await send('/oauth2/token', rest, basic(`${id}:${secret}`)));
  assert.deepEqual(await readError(await send('/oauth2/token', rest, basic(`${id}:wrong`))), [400, 'invalid_client']);
  for (const headers of [basic('x'), { authorization: 'Basic ???' }, { authorization: 'Bearer x' }]) {
    assert.deepEqual(await readError(await send('/oauth2/token', rest, headers)), [400, 'invalid_request']);
  }
});

test('a form with a repeated field or a body that is not a form is rejected', async () => {
  const twice = new URLSearchParams(credentials());
  twice.append('client_id', app.client_id);
  assert.deepEqual(await readError(await send('/oauth2/token', twice)), [400, 'invalid_request']);
  for (const body of ['', '{"grant_type":"client_credentials"}', '%', '\0']) {
    assert.deepEqual(await readError(await send('/oauth2/token', body)), [400, 'invalid_request']);
  }
  assert.equal((await send('/oauth2/token', `grant_type=${'x'.repeat(40_000)}`)).status, 413);
});

test("a signed assertion for the server's own address gets a token", async () => {
  const assertion = (jti: string, aud: string) =>
    new SignJWT({ iss: app.client_id, sub: '1', box_sub_type: 'enterprise', aud, jti })
      .setProtectedHeader({ alg: 'RS512', kid: app.key_ids[0] ?? '' })
      .setExpirationTime('45 s')
      .sign(key.privateKey);
  const ask = async (jwt: string) =>
    requestToken(server, {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      client_id: app.client_id,
      client_secret: app.client_secret,
      assertion: jwt,
    });
  const jwt = await assertion('a-jti-over-the-wire', `${server.url}/oauth2/token`);
  await readToken(await ask(jwt));
  assert.deepEqual(await readError(await ask(jwt)), [400, 'invalid_grant']);
  const elsewhere = await assertion('another-jti-over-the-wire', 'https://elsewhere.example.com/oauth2/token');
  assert.deepEqual(await readError(await ask(elsewhere)), [400, 'invalid_grant']);
  // The client chooses these headers.
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    client_id: app.client_id,
    client_secret: app.client_secret,
  };
  for (const [n, headers] of [
    { host: 'elsewhere.example.com' },
    { host: 'elsewhere.example.com', 'x-forwarded-host': 'elsewhere.example.com', 'x-forwarded-proto': 'https' },
  ].entries()) {
    for (const scheme of ['http', 'https']) {
      const jwt = await assertion(
        `a-jti-for-elsewhere-${n}-${scheme}`,
        `${scheme}://elsewhere.example.com/oauth2/token`,
      );
      const answer = await postAs(headers, new URLSearchParams({ ...form, assertion: jwt }).toString());
      assert.deepEqual(answer, [400, 'invalid_grant']);
    }
  }
  const local = server.url.replace('127.0.0.1', 'localhost');
  await readToken(await ask(await assertion('a-jti-for-localhost', `${local}/api/oauth2/token`)));
});

test("with a public URL, only that URL and Box's own are audiences of an assertion, whatever host the request names", async () => {
  await using behind = await startServer({ env: { PARTWAY_PUBLIC_URL: 'https://files.example.com' } });
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-key-')));
  await writeFile(join(folder, 'public.pem'), key.publicPem);
  const signer = await partwayJson<AddedApp>(behind, 'app', 'add', 'App', '--public-key', join(folder, 'public.pem'));
  const ask = async (aud: string) => {
    const claims = { iss: signer.client_id, sub: '1', box_sub_type: 'enterprise', aud, jti: `a-jti-for-${aud}` };
    const assertion = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS512', kid: signer.key_ids[0] ?? '' })
      .setExpirationTime('45 s')
      .sign(key.privateKey);
    const form = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      client_id: signer.client_id,
      client_secret: signer.client_secret,
      assertion,
    });
    const [status] = await postAs({ host: 'elsewhere.example.com' }, form.toString(), behind);
    return status;
  };
  const addresses = ['https://files.example.com/oauth2/token', 'https://files.example.com/api/oauth2/token'];
  for (const aud of [...addresses, 'https://api.box.com/oauth2/token']) assert.equal(await ask(aud), 200, aud);
  for (const aud of [
    'http://files.example.com/oauth2/token',
    'https://files.example.com:444/oauth2/token',
    'https://elsewhere.example.com/oauth2/token',
    'http://elsewhere.example.com/oauth2/token',
    `${behind.url}/oauth2/token`,
  ]) {
    assert.equal(await ask(aud), 400, aud);
  }
});

/** POST /oauth2/token with headers that fetch does not allow. */
function postAs(headers: Record<string, string>, body: string, { url } = server): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const sent = request(`${url}/oauth2/token`, { method: 'POST', headers: { ...type, ...headers } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve([answer.statusCode ?? 0, (JSON.parse(text) as { error: string }).error]));
    });
    sent.on('error', reject).end(body);
  });
}

test("a downscoped token lists its restrictions like Box's", async () => {
  const folder = (await createApi(server.token).post('/folders', { name: 'shared', parent: { id: '0' } })).json;
  const answer = await requestToken(server, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: server.token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope: 'base_upload item_preview',
    resource: `${server.url}/2.0/folders/${folder.id}`,
  });
  const { access_token: token, ...rest } = (await answer.json()) as Record<string, unknown>;
  assert.match(String(token), /^[\w-]{43}$/);
  const object = { type: 'folder', id: folder.id, sequence_id: '0', etag: '0', name: 'shared' };
  assert.deepEqual(rest, {
    expires_in: 3600,
    token_type: 'bearer',
    restricted_to: [
      { scope: 'base_upload', object },
      { scope: 'item_preview', object },
    ],
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  });
});

test('a token exchange with an invalid or unsupported value is rejected with its own error code', async () => {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: server.token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope: 'base_upload',
  };
  for (const [change, error] of [
    [{ subject_token: 'x' }, 'invalid_grant'],
    [{ subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }, 'invalid_request'],
    [{ scope: '' }, 'invalid_request'],
    [{ scope: 'make_coffee' }, 'invalid_scope'],
    [{ resource: 'https://api.box.com/2.0/folders/42' }, 'invalid_resource'],
    [{ box_shared_link: 'https://app.box.com/s/x' }, 'invalid_request'],
    [{ actor_token: 'x' }, 'invalid_request'],
    [{ client_id: app.client_id, client_secret: 'x' }, 'invalid_client'],
    [{ client_id: app.client_id }, 'invalid_request'],
  ] as const) {
    assert.deepEqual(await readError(await requestToken(server, { ...form, ...change })), [400, error]);
  }
});

test('an app with the right can act as another user, but not as an unknown one', async () => {
  const userId = await addUser(server, 'managed@partway.test');
  const own = createApi(await readToken(await send('/oauth2/token', credentials())));
  const as = (api: Api, user: string) => api.get('/users/me', { headers: { 'as-user': user } });
  assert.equal((await as(own, userId)).json.id, userId);
  const created = await own.post('/folders', { name: 'theirs', parent: { id: '0' } }, { 'as-user': userId });
  assert.equal(created.json.owned_by.id, userId);
  assert.equal((await own.get(`/folders/${created.json.id}`)).status, 404);
  for (const invalid of ['42', 'x', '', `${userId}, ${userId}`]) {
    const answer = await as(own, invalid);
    assert.deepEqual([answer.status, answer.json.code], [403, 'forbidden'], invalid);
  }
});

test("As-User is rejected for an app without the right, a user's token, a downscoped token and the developer token", async () => {
  const userId = await addUser(server, 'unmanaged@partway.test');
  const plain = await partwayJson<AddedApp>(server, 'app', 'add', 'Plain');
  const own = await readToken(await send('/oauth2/token', credentials()));
  const subject = { box_subject_type: 'user', box_subject_id: userId };
  const { client_id, client_secret } = plain;
  for (const token of [
    await readToken(await send('/oauth2/token', credentials({ client_id, client_secret }))),
    await readToken(await send('/oauth2/token', credentials(subject))),
    await createDownscopedToken(server, { scope: 'root_readwrite', token: own }),
    server.token,
  ]) {
    const answer = await createApi(token).get('/users/me', { headers: { 'as-user': userId } });
    assert.deepEqual([answer.status, answer.json.code], [403, 'insufficient_scope']);
  }
});
