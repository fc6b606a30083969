import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { getRedirect, openPage, type Page, sendForm } from '../auth/browser.ts';
import { type AddedApp, addUserWithPassword, partwayJson } from '../auth/operator.ts';
import { requestToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

const LOGIN = 'ada@partway.test';
const PASSWORD = 'correct horse battery';
const REDIRECT = 'http://localhost:9/callback?kept=1';
const NAME = '<b>"App" & \'Co\'</b>';

let server: TestServer;
let app: AddedApp;
let userId: string;
before(async () => {
  // The allowed web origins do not include our own page, which does not need that.
  server = await startServer({ env: { PARTWAY_CORS_ORIGINS: 'https://elsewhere.example.com' } });
  userId = await addUserWithPassword(server, LOGIN, PASSWORD);
  app = await partwayJson(server, 'app', 'add', NAME, '--redirect-uri', REDIRECT);
});
after(() => server[Symbol.asyncDispose]());

function authorizeUrl(change: Record<string, string> = {}, path = '/oauth2/authorize'): string {
  const query = {
    response_type: 'code',
    client_id: app.client_id,
    redirect_uri: REDIRECT,
    state: 'a b&c=d',
    ...change,
  };
  return `${server.url}${path}?${new URLSearchParams(query)}`;
}
const logInOn = (page: Page, fields: Record<string, string> = {}) =>
  sendForm(page, { login: LOGIN, password: PASSWORD, ...fields });
const exchange = (code: string | null, change: Record<string, string> = {}) =>
  requestToken(server, {
    grant_type: 'authorization_code',
    client_id: app.client_id,
    client_secret: app.client_secret,
    code: code ?? '',
    ...change,
  });

test('a user logs in and authorizes the app, and the app gets tokens for that user', async () => {
  for (const path of ['/oauth2/authorize', '/api/oauth2/authorize']) {
    const back = getRedirect(await logInOn(await openPage(authorizeUrl({}, path))));
    assert.equal(`${back.origin}${back.pathname}`, 'http://localhost:9/callback');
    assert.deepEqual([back.searchParams.get('kept'), back.searchParams.get('state')], ['1', 'a b&c=d']);
    const answer = await exchange(back.searchParams.get('code'), { redirect_uri: REDIRECT });
    assert.equal(answer.status, 200);
    const { access_token: token, refresh_token: refresh, ...rest } = (await answer.json()) as Record<string, string>;
    assert.deepEqual(rest, { expires_in: 3600, token_type: 'bearer', restricted_to: [] });
    assert.match(refresh ?? '', /^[\w-]{43}$/);
    assert.equal((await new Api({ url: server.url, token: token ?? '' }).get('/users/me')).json.id, userId);
  }
});

test("the page runs no script, cannot be framed, leaks no address, and shows the app's name as text", async () => {
  const page = await openPage(authorizeUrl());
  assert.equal(page.status, 200);
  const policy = page.headers.get('content-security-policy') ?? '';
  for (const part of [
    "default-src 'none'",
    "frame-ancestors 'none'",
    "form-action 'self' http://localhost:9",
    "base-uri 'none'",
  ]) {
    assert.ok(policy.split('; ').includes(part), `${part} in ${policy}`);
  }
  assert.doesNotMatch(policy, /unsafe|script-src/);
  assert.equal(page.headers.get('x-frame-options'), 'DENY');
  assert.equal(page.headers.get('cache-control'), 'no-store');
  assert.match(page.headers.get('set-cookie') ?? '', /; HttpOnly; SameSite=Lax/);
  assert.doesNotMatch(page.html, /<script|<b>| on[a-z]+=/i);
  assert.match(page.html, /&lt;b&gt;&quot;App&quot; &amp; &#39;Co&#39;&lt;\/b&gt;/);
});

test('a login that a user has entered is shown again as text', async () => {
  const page = await logInOn(await openPage(authorizeUrl()), { login: '"><script>alert(1)</script>' });
  assert.equal(page.status, 403);
  assert.doesNotMatch(page.html, /<script/);
  assert.ok(!page.html.includes(PASSWORD));
});

test('no user is redirected to an address that the app has not registered', async () => {
  for (const change of [
    { client_id: 'unknown' },
    { redirect_uri: 'https://evil.example.com/' },
    { redirect_uri: `${REDIRECT}&more=1` },
    { redirect_uri: 'http://localhost:9/callback' },
    { redirect_uri: 'javascript:alert(1)' },
  ]) {
    const page = await openPage(authorizeUrl(change));
    assert.deepEqual([page.status, page.headers.get('location')], [400, null]);
    assert.match(page.html, /app that sent you here is unknown/);
  }
});

test("other invalid requests and a user's denial are reported to the app", async () => {
  const readError = (page: Page) => getRedirect(page).searchParams.get('error');
  assert.equal(readError(await openPage(authorizeUrl({ response_type: 'token' }))), 'unsupported_response_type');
  assert.equal(readError(await openPage(authorizeUrl({ scope: 'make_coffee' }))), 'invalid_scope');
  const denied = await sendForm(await openPage(authorizeUrl()), { decision: 'deny' });
  assert.equal(readError(denied), 'access_denied');
  assert.equal(getRedirect(denied).searchParams.get('state'), 'a b&c=d');
  assert.equal(getRedirect(denied).searchParams.get('code'), null);
});

test('after a login with a PKCE challenge, only a client that has the verifier gets tokens', async () => {
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
  const challenge = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
  const code = getRedirect(await logInOn(await openPage(authorizeUrl(challenge)))).searchParams.get('code');
  for (const change of [{}, { code_verifier: challenge.code_challenge }]) {
    const answer = await exchange(code, change);
    assert.deepEqual([answer.status, ((await answer.json()) as { error: string }).error], [400, 'invalid_grant']);
  }
  assert.equal((await exchange(code, { code_verifier: verifier })).status, 200);
});

test('a request with an unusable challenge or a repeated parameter is rejected with the reason', async () => {
  const readError = (page: Page) =>
    ['error', 'error_description'].map((name) => getRedirect(page).searchParams.get(name));
  const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
  for (const [change, what] of [
    [{ code_challenge: challenge, code_challenge_method: 'plain' }, /S256/],
    [{ code_challenge: challenge }, /S256/],
    [{ code_challenge: 'short', code_challenge_method: 'S256' }, /43 characters/],
    [{ code_challenge_method: 'S256' }, /requires a code_challenge/],
  ] as const) {
    const [error, description] = readError(await openPage(authorizeUrl(change)));
    assert.equal(error, 'invalid_request');
    assert.match(description ?? '', what);
  }
  assert.deepEqual(readError(await openPage(`${authorizeUrl()}&scope=root_readonly&scope=root_readwrite`)), [
    'invalid_request',
    'scope is set more than once',
  ]);
  for (const twice of ['client_id=x', 'redirect_uri=https%3A%2F%2Fevil.example.com%2F']) {
    const page = await openPage(`${authorizeUrl()}&${twice}`);
    assert.deepEqual([page.status, page.headers.get('location')], [400, null]);
  }
});

test('a form is accepted only unchanged, and only from the browser that was shown the page', async () => {
  const page = await openPage(authorizeUrl());
  const other = await openPage(authorizeUrl());
  const [text = '', signature = ''] = page.ticket.split('.');
  const changed = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  changed.redirectUri = 'https://evil.example.com/';
  const forged = `${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${signature}`;
  for (const sent of [
    { ...page, cookie: '' },
    { ...page, cookie: other.cookie },
    { ...page, cookie: 'partway-login=' },
    { ...page, ticket: '' },
    { ...page, ticket: text },
    { ...page, ticket: forged },
  ]) {
    const answer = await logInOn(sent);
    assert.deepEqual([answer.status, answer.headers.get('location')], [400, null]);
  }
  assert.ok(getRedirect(await logInOn(page)));
});

test('a page of another site cannot send the form', async () => {
  const page = await openPage(authorizeUrl());
  const body = new URLSearchParams({ ticket: page.ticket, decision: 'allow', login: LOGIN, password: PASSWORD });
  const headers = { cookie: page.cookie, origin: 'https://evil.example.com' };
  const answer = await fetch(page.url, { method: 'POST', body, headers, redirect: 'manual' });
  assert.equal(answer.status, 403);
});

test('a code works once, and using it again revokes the tokens that it issued', async () => {
  const code = getRedirect(await logInOn(await openPage(authorizeUrl()))).searchParams.get('code');
  const first = (await (await exchange(code)).json()) as { access_token: string };
  const again = await exchange(code);
  assert.deepEqual([again.status, ((await again.json()) as { error: string }).error], [400, 'invalid_grant']);
  assert.equal((await new Api({ url: server.url, token: first.access_token }).get('/users/me')).status, 401);
});

test('the scopes of a login are shown to the user, and apply to its tokens even after a refresh', async () => {
  const page = await openPage(authorizeUrl({ scope: 'root_readonly manage_webhook' }));
  assert.match(page.html, /<li>see your files and folders<\/li><li>download your files<\/li><\/ul>/);
  const code = getRedirect(await logInOn(page)).searchParams.get('code');
  let pair = (await (await exchange(code)).json()) as { access_token: string; refresh_token: string };
  for (let round = 0; round < 2; round += 1) {
    const api = new Api({ url: server.url, token: pair.access_token });
    assert.equal((await api.get('/folders/0')).status, 200);
    assert.equal((await api.post('/folders', { name: 'x', parent: { id: '0' } })).json.code, 'insufficient_scope');
    const answer = await exchange('', { grant_type: 'refresh_token', refresh_token: pair.refresh_token });
    pair = (await answer.json()) as typeof pair;
  }
});

test('an inactive user sees the reason, and the app gets no code', async () => {
  const login = 'retired@partway.test';
  await addUserWithPassword(server, login, PASSWORD);
  await partwayJson(server, 'user', 'status', login, 'inactive');

  const answer = await logInOn(await openPage(authorizeUrl()), { login });

  assert.equal(answer.status, 403);
  assert.match(answer.html, /This user is inactive/);
});

// Keep this test last: after it, logins from this address have to wait.
test('wrong passwords are rejected, and after five the next login has to wait', async () => {
  const page = await openPage(authorizeUrl());
  const login = 'nobody@partway.test';
  const statuses = [];
  let last = page;
  // On a busy machine, a try takes longer than the first delays, which double each time.
  for (let tries = 0; tries < 20; tries += 1) {
    last = await logInOn(page, { login, password: 'wrong password' });
    statuses.push(last.status);
    if (last.status === 429) break;
  }
  assert.equal(statuses.at(-1), 429);
  assert.ok(statuses.slice(0, -1).every((status) => status === 403));
  assert.match(last.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/);
});
