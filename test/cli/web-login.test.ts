import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import { listenForCallback } from '../../packages/cli/src/web-login/callback-server.ts';
import { getRedirect, openPage, sendForm } from '../auth/browser.ts';
import { addUserWithPassword, partwayWithInput } from '../auth/operator.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines, run, start } from './run.ts';
import { noTerminal, startOnTerminal } from './terminal.ts';

const LOGIN = 'ada@partway.test';
const PASSWORD = 'correct horse battery';

interface SavedCredentials {
  kind: string;
  accessToken: string;
  refreshToken: string;
  expiresAt: number;
}

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
  await addUserWithPassword(place.server, LOGIN, PASSWORD);
});
after(() => place[Symbol.asyncDispose]());

/** A home folder without profiles, and without a display. */
const newHome = (name: string) => ({ HOME: place.at(name), XDG_CONFIG_HOME: place.at(name, 'config') });
const profilesOf = (home: string) => place.at(home, 'config', 'partway', 'profiles.json');
const addressIn = (text: string) => /^ {2}(http\S+)$/m.exec(text)?.[1];

/** Starts `partway login --web`, and resolves with the address that it prints. */
async function startLogin(env: Record<string, string>) {
  const command = start(['login', '--server', place.server.url, '--web', '--json'], { env });
  const { promise, resolve } = Promise.withResolvers<string>();
  let stderr = '';
  command.child.stderr?.on('data', (bytes) => {
    stderr += String(bytes);
    const address = addressIn(stderr);
    if (address !== undefined) resolve(address);
  });
  const failed = command.ended.then(({ stderr: all }) => Promise.reject(new Error(`no address: ${all}`)));
  return { ...command, address: await Promise.race([promise, failed]) };
}

/** Logs in on the page, as a browser does, and returns the address to which the browser goes back. */
async function logInOn(address: string): Promise<URL> {
  return getRedirect(await sendForm(await openPage(address), { login: LOGIN, password: PASSWORD }));
}

async function logIn(home: string): Promise<Record<string, string>> {
  const env = newHome(home);
  const { address, ended } = await startLogin(env);
  await fetch(await logInOn(address));
  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);
  return env;
}

async function readCredentials(home: string): Promise<SavedCredentials> {
  const { profiles } = JSON.parse(await readFile(profilesOf(home), 'utf8'));
  return profiles[new URL(place.server.url).host].credentials;
}

async function changeCredentials(home: string, change: Partial<SavedCredentials>): Promise<void> {
  const saved = JSON.parse(await readFile(profilesOf(home), 'utf8'));
  Object.assign(saved.profiles[new URL(place.server.url).host].credentials, change);
  await writeFile(profilesOf(home), JSON.stringify(saved));
}

async function listUsedRefreshTokens(): Promise<number> {
  const db = await openTestDatabase(place.server.dataFolder);
  try {
    return (await db.selectFrom('refresh_tokens').select('id').where('used_at', 'is not', null).execute()).length;
  } finally {
    await db.destroy();
  }
}

test('a user logs in with a browser, and later commands act as this user', async () => {
  const env = newHome('simple');
  const { address, ended } = await startLogin(env);
  const page = await fetch(await logInOn(address));
  assert.equal(page.status, 200);
  assert.match(await page.text(), /You can close this page/);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);

  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  const [{ user } = {}] = jsonLines(stdout);
  assert.equal((user as { login: string }).login, LOGIN);
  assert.equal((await stat(profilesOf('simple'))).mode & 0o777, 0o600);
  const { kind, accessToken, refreshToken } = await readCredentials('simple');
  assert.equal(kind, 'browser');
  for (const secret of [accessToken, refreshToken]) assert.ok(!stdout.includes(secret) && !stderr.includes(secret));
  assert.equal((await run(['mkdir', '/mine'], { env })).code, 0);
  assert.equal((await run(['profiles', '--value', 'credentials'], { env })).stdout, 'browser\n');
});

test('a return with another state does not end the login, and a denial does', async () => {
  const env = newHome('denied');
  const { address, ended } = await startLogin(env);
  const callback = new URL(new URL(address).searchParams.get('redirect_uri') ?? '');
  for (const query of ['?code=x&state=wrong', '?code=x', '?error=access_denied']) {
    assert.equal((await fetch(new URL(query, callback))).status, 400, query);
  }
  assert.equal((await fetch(new URL('/favicon.ico', callback))).status, 404);
  await fetch(getRedirect(await sendForm(await openPage(address), { decision: 'deny' })));
  const { code, stderr } = await ended;
  assert.equal(code, 4);
  assert.match(stderr, /Access was denied on the login page\. Nothing was saved\./);
  await assert.rejects(stat(profilesOf('denied')), { code: 'ENOENT' });
});

test('a connection that the browser opened in advance does not keep the command running', async () => {
  const { address, ended } = await startLogin(newHome('idle'));
  const { port } = new URL(new URL(address).searchParams.get('redirect_uri') ?? '');
  const idle = connect(Number(port), '127.0.0.1');
  let received = '';
  idle.on('data', (bytes) => {
    received += String(bytes);
  });
  idle.on('error', () => {});
  await once(idle, 'connect');
  await fetch(await logInOn(address));
  assert.equal((await ended).code, 0);
  idle.destroy();
  // Otherwise, the command waits until the connection times out, with this status.
  assert.doesNotMatch(received, /408/);
});

test('a login that nobody finishes ends', async () => {
  await using callback = await listenForCallback('state');
  await assert.rejects(callback.waitForCode(1), /Nobody logged in within five minutes/);
});

test('the browser of BROWSER is opened, and if that fails, the printed address still works', async () => {
  const browser = place.at('browser.sh');
  await writeFile(
    browser,
    `#!/bin/sh\nprintf %s "$1" > "${place.at('opened')}.tmp"\nmv "${place.at('opened')}.tmp" "${place.at('opened')}"\n`,
  );
  await chmod(browser, 0o700);
  const { address, child, ended } = await startLogin({ ...newHome('opened-home'), BROWSER: `${browser}:other` });
  await until(async () => (await readFile(place.at('opened'), 'utf8').catch(() => '')) === address);
  child.kill();
  await ended;

  const missing = await startLogin({ ...newHome('missing-browser'), BROWSER: place.at('no-such-browser') });
  await fetch(await logInOn(missing.address));
  assert.equal((await missing.ended).code, 0);
});

test('an access token that has expired or that the server refuses is renewed', async () => {
  const env = await logIn('renewed');
  const first = await readCredentials('renewed');
  await changeCredentials('renewed', { expiresAt: 0 });
  assert.equal((await run(['ls'], { env })).code, 0);
  const second = await readCredentials('renewed');
  assert.notEqual(second.accessToken, first.accessToken);
  assert.notEqual(second.refreshToken, first.refreshToken);
  assert.ok(second.expiresAt > Date.now());

  await changeCredentials('renewed', { accessToken: 'refused' });
  const ended = await run(['ls'], { env });
  assert.equal(ended.code, 0, ended.stderr);
  assert.notEqual((await readCredentials('renewed')).accessToken, 'refused');
  assert.equal((await stat(profilesOf('renewed'))).mode & 0o777, 0o600);
});

test('processes that need a new access token at the same time renew it once, and stay logged in', async () => {
  const env = await logIn('concurrent');
  for (let round = 1; round <= 2; round++) {
    const before = await listUsedRefreshTokens();
    await changeCredentials('concurrent', { expiresAt: 0 });
    const ended = await Promise.all(Array.from({ length: 4 }, () => run(['ls'], { env })));
    assert.deepEqual(
      ended.map(({ code, stderr }) => [code, stderr]),
      Array(4).fill([0, '']),
    );
    assert.equal((await listUsedRefreshTokens()) - before, 1);
  }
});

test('after a logout, the tokens of the login no longer work', async () => {
  const env = await logIn('out');
  const { accessToken } = await readCredentials('out');
  const token = { PARTWAY_TOKEN: accessToken, PARTWAY_SERVER: place.server.url };
  assert.equal((await run(['ls'], { env: { ...newHome('other'), ...token } })).code, 0);
  const out = await run(['logout'], { env });
  assert.deepEqual([out.code, out.stderr], [0, '']);
  assert.equal((await run(['ls'], { env: { ...newHome('other'), ...token } })).code, 4);
});

test('a new login ends the one that it replaces', async () => {
  await logIn('again');
  const { accessToken: first } = await readCredentials('again');
  await logIn('again');
  const { accessToken: second } = await readCredentials('again');
  const listWith = async (token: string) =>
    (await run(['ls'], { env: { ...newHome('other'), PARTWAY_TOKEN: token, PARTWAY_SERVER: place.server.url } })).code;
  assert.deepEqual([await listWith(first), await listWith(second)], [4, 0]);
});

test('a login that the operator has revoked has to be repeated', async () => {
  const env = await logIn('revoked');
  // A new password revokes all tokens of its user.
  await partwayWithInput(place.server, PASSWORD, 'user', 'password', LOGIN);
  await changeCredentials('revoked', { expiresAt: 0 });
  const ended = await run(['ls'], { env });
  assert.equal(ended.code, 4);
  assert.match(ended.stderr, /Log in again: partway login\./);
});

test('a server that cannot be reached, or that has no such login, is reported before the browser is opened', async () => {
  const older = createServer((_, response) => response.writeHead(400).end('{"error":"invalid_request"}'));
  await once(older.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${(older.address() as AddressInfo).port}`;
  try {
    const old = await run(['login', '--server', address, '--web'], { env: newHome('older') });
    assert.equal(old.code, 7);
    assert.match(old.stderr, /does not support logins in a browser\. Check the address, update the server/);
    const nobody = await run(['login', '--server', 'http://127.0.0.1:1', '--web'], { env: newHome('older') });
    assert.equal(nobody.code, 7);
    for (const { stderr } of [old, nobody]) assert.doesNotMatch(stderr, /oauth2\/authorize/);
  } finally {
    older.close();
  }
});

test('--web cannot be combined with other credentials, and Box has no such login', async () => {
  const env = newHome('usage');
  const both = await run(['login', '--server', place.server.url, '--web', '--token-stdin'], { env, input: 'x' });
  assert.equal(both.code, 2);
  assert.match(both.stderr, /Use either a browser \(--web\), a token or an app/);
  const box = await run(['login', '--server', 'https://api.box.com', '--web'], { env });
  assert.equal(box.code, 2);
  assert.match(box.stderr, /Box does not know this command/);
});

test('the browser is the first choice in the menu', { skip: noTerminal }, async () => {
  const env = newHome('menu');
  const terminal = startOnTerminal(['login', '--server', place.server.url], { env, cwd: place.folder });
  await terminal.shows(/in the browser/);
  terminal.type('\r');
  await terminal.shows(/^ {2}http\S+/);
  terminal.type('\u0003');
  await terminal.ended;
});
