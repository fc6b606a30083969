import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getRedirect, openPage, sendForm } from '../auth/browser.ts';
import { type AddedApp, addUserWithPassword, partwayJson } from '../auth/operator.ts';
import { requestToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer } from '../support/server.ts';
import { upload } from './forms.ts';

const REDIRECT = 'http://localhost:9/callback';

test('the most detailed log records every request and contains no credentials', async () => {
  await using server = await startServer({ env: { PARTWAY_LOG: 'debug' } });
  const [login, password] = ['reader@partway.test', 'correct horse battery'];
  await addUserWithPassword(server, login, password);
  const app = await partwayJson<AddedApp>(server, 'app', 'add', 'Logged', '--redirect-uri', REDIRECT);

  const query = { response_type: 'code', client_id: app.client_id, redirect_uri: REDIRECT, state: 'a-state' };
  const page = await openPage(`${server.url}/oauth2/authorize?${new URLSearchParams(query)}`);
  const code = getRedirect(await sendForm(page, { login, password })).searchParams.get('code') ?? '';
  const { client_id, client_secret } = app;
  const granted = await requestToken(server, { grant_type: 'authorization_code', client_id, client_secret, code });
  const tokens = (await granted.json()) as { access_token: string; refresh_token: string };
  const user = new Api({ url: server.url, token: tokens.access_token });
  const file = await upload(user, 'logged.txt', Buffer.from('logged'));
  const { location = '' } = (await user.get(`/files/${file.id}/content`)).headers;
  assert.equal(await (await fetch(location)).text(), 'logged');
  assert.equal((await fetch(`${server.url}/2.0/users/me?access_token=${server.token}`)).status, 401);

  await server.stop();
  const log = server.stderr();
  const { pathname, searchParams } = new URL(location);
  for (const path of ['/oauth2/authorize', '/oauth2/token', '/2.0/files/content', pathname, '/2.0/users/me']) {
    assert.ok(log.includes(`"url":"${path}"`), path);
  }
  const secrets = {
    password,
    code,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    clientSecret: client_secret,
    ticket: page.ticket,
    developerToken: server.token,
    signature: searchParams.get('signature') ?? '',
  };
  for (const [name, secret] of Object.entries(secrets)) {
    assert.ok(secret.length > 15, name);
    assert.ok(!log.includes(secret), `the log contains the ${name}`);
  }
});
