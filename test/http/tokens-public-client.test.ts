import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { getRedirect, openPage, sendForm } from '../auth/browser.ts';
import { type AddedApp, addUserWithPassword, partwayJson, partwayWithInput } from '../auth/operator.ts';
import { requestToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

const LOGIN = 'ada@partway.test';
const PASSWORD = 'correct horse battery';
const CLIENT = 'partway-cli';
const REDIRECT = 'http://127.0.0.1:50123/callback';
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

let server: TestServer;
let app: AddedApp;
before(async () => {
  server = await startServer();
  await addUserWithPassword(server, LOGIN, PASSWORD);
  app = await partwayJson(server, 'app', 'add', 'own', '--redirect-uri', 'http://127.0.0.1/callback');
});
after(() => server[Symbol.asyncDispose]());

function openLogin(change: Record<string, string | undefined> = {}) {
  const query = Object.entries({
    response_type: 'code',
    client_id: CLIENT,
    redirect_uri: REDIRECT,
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...change,
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return openPage(`${server.url}/oauth2/authorize?${new URLSearchParams(query)}`);
}

async function getCode(change: Record<string, string> = {}): Promise<string> {
  const back = getRedirect(await sendForm(await openLogin(change), { login: LOGIN, password: PASSWORD }));
  return back.searchParams.get('code') ?? '';
}

async function request(form: Record<string, string>): Promise<{ status: number; json: Record<string, string> }> {
  const answer = await requestToken(server, { client_id: CLIENT, ...form });
  return { status: answer.status, json: (await answer.json()) as Record<string, string> };
}
const exchange = (code: string, change: Record<string, string> = { code_verifier: VERIFIER }) =>
  request({ grant_type: 'authorization_code', code, ...change });

test('the command line logs a user in without a secret, renews its token, and ends the login', async () => {
  const { status, json } = await exchange(await getCode(), { code_verifier: VERIFIER, redirect_uri: REDIRECT });
  assert.equal(status, 200);
  const me = (token = '') => new Api({ url: server.url, token }).get('/users/me');
  assert.equal((await me(json.access_token)).json.login, LOGIN);
  assert.equal((await me(json.access_token)).status, 200);
  const renewed = await request({ grant_type: 'refresh_token', refresh_token: json.refresh_token ?? '' });
  assert.equal(renewed.status, 200);
  const form = new URLSearchParams({ client_id: CLIENT, token: renewed.json.refresh_token ?? '' });
  assert.equal((await fetch(`${server.url}/oauth2/revoke`, { method: 'POST', body: form })).status, 200);
  assert.equal((await me(renewed.json.access_token)).status, 401);
});

test('its login page needs a PKCE challenge', async () => {
  for (const change of [
    { code_challenge: undefined, code_challenge_method: undefined },
    { code_challenge: '', code_challenge_method: undefined },
    { code_challenge: VERIFIER, code_challenge_method: 'plain' },
  ]) {
    const back = getRedirect(await openLogin(change));
    assert.equal(back.searchParams.get('error'), 'invalid_request');
    assert.equal(back.searchParams.get('code'), null);
  }
});

test('a code without the verifier, or with a wrong one, gets no token', async () => {
  const code = await getCode();
  for (const change of [{}, { code_verifier: CHALLENGE }, { code_verifier: '' }]) {
    const { status, json } = await exchange(code, change as Record<string, string>);
    assert.deepEqual([status, json.error], [400, 'invalid_grant']);
  }
  assert.equal((await exchange(code)).status, 200);
});

test('its users return only to a port of their own machine', async () => {
  assert.equal((await openLogin({ redirect_uri: 'http://[::1]:1/callback' })).status, 200);
  for (const uri of [
    undefined,
    'http://localhost:50123/callback',
    'http://127.0.0.1/callback',
    'http://127.0.0.1:50123/other',
    'http://127.0.0.1:50123/callback?x',
    'http://127.0.0.1:99999/callback',
    'http://127.0.0.1:1@evil.example.com/callback',
    'http://127.0.0.1.evil.example.com:1/callback',
    'https://127.0.0.1:50123/callback',
    'https://evil.example.com/callback',
  ]) {
    const page = await openLogin({ redirect_uri: uri });
    assert.deepEqual([page.status, page.headers.get('location')], [400, null], uri);
  }
});

test('it can use no other grant, and a secret for it does not exist', async () => {
  const subject = { box_subject_type: 'enterprise', box_subject_id: '1' };
  const credentials = { grant_type: 'client_credentials', ...subject };
  const withoutSecret = await request(credentials);
  assert.deepEqual([withoutSecret.status, withoutSecret.json.error], [400, 'invalid_request']);
  for (const form of [
    { ...credentials, client_secret: 'x' },
    { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', client_secret: 'x', assertion: 'x' },
    { grant_type: 'authorization_code', code: await getCode(), code_verifier: VERIFIER, client_secret: 'x' },
    { grant_type: 'refresh_token', refresh_token: 'x', client_secret: 'x' },
  ]) {
    const { status, json } = await request(form);
    assert.deepEqual([status, json.error], [400, 'invalid_client'], form.grant_type);
  }
  const basic = `Basic ${Buffer.from(`${CLIENT}:`).toString('base64')}`;
  const body = new URLSearchParams(credentials);
  const answer = await fetch(`${server.url}/oauth2/token`, { method: 'POST', body, headers: { authorization: basic } });
  assert.equal(((await answer.json()) as { error: string }).error, 'invalid_client');
});

test('other apps still need their secret and the exact redirect URI', async () => {
  assert.equal((await openLogin({ client_id: app.client_id })).status, 400);
  const ownRedirect = { client_id: app.client_id, redirect_uri: 'http://127.0.0.1/callback' };
  const code = await getCode(ownRedirect);
  const own = { client_id: app.client_id, code_verifier: VERIFIER };
  assert.equal((await exchange(code, own)).json.error, 'invalid_request');
  assert.equal((await exchange(code, { ...own, client_secret: 'x' })).json.error, 'invalid_client');
  assert.equal((await exchange(code)).json.error, 'invalid_grant', 'the code is for another app');
  assert.equal((await exchange(code, { ...own, client_secret: app.client_secret })).status, 200);
});

test('operators see it in the list of apps, and cannot change it', async () => {
  const apps = await partwayJson<{ client_id: string; service_user_id: unknown }[]>(server, 'app', 'list');
  assert.equal(apps.find(({ client_id: id }) => id === CLIENT)?.service_user_id, null);
  for (const args of [
    ['remove', CLIENT, '--force'],
    ['rotate', CLIENT],
  ]) {
    await assert.rejects(partwayWithInput(server, '', 'app', ...args), /built in.*cannot be changed or removed/);
  }
});
