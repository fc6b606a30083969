import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { addApp, partway } from '../support/accounts.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines, run } from './run.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
});
after(() => place[Symbol.asyncDispose]());

/** A home folder without profiles. */
function newHome(name: string): Record<string, string> {
  return { HOME: place.at(name), XDG_CONFIG_HOME: place.at(name, 'config') };
}
const profilesOf = (home: string) => place.at(home, 'config', 'partway', 'profiles.json');
const login = (env: Record<string, string>, input: string, ...args: string[]) =>
  run(['login', '--server', place.server.url, ...args], { env, input });

test('login with a token prints the user, and later commands use the server by default', async () => {
  const env = newHome('by-token');
  const ended = await login(env, `${place.server.token}\n`, '--token-stdin', '--name', 'here');
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /Logged in to http\S+ as Developer <developer@partway\.local>\./);
  assert.equal((await stat(profilesOf('by-token'))).mode & 0o777, 0o600);

  assert.equal((await run(['mkdir', '/by-token'], { env })).code, 0);
  const listed = await run(['profiles', '--json'], { env });
  assert.deepEqual(jsonLines(listed.stdout), [
    { name: 'here', in_use: true, server: place.server.url, credentials: 'token' },
  ]);
  assert.ok(!listed.stdout.includes(place.server.token));
  assert.equal((await run(['profiles'], { env })).stdout, `here\t${place.server.url}\ttoken\t*\n`);
  assert.equal((await run(['profiles', '--value'], { env })).stdout, 'here\n');
  assert.equal((await run(['profiles', '--value', 'server'], { env })).stdout, `${place.server.url}\n`);

  const out = await run(['logout'], { env });
  assert.match(out.stdout, /Deleted profile "here" /);
  assert.ok(!(await readFile(profilesOf('by-token'), 'utf8')).includes(place.server.token));
});

test('an app logs in with its secret and gets tokens for its own user', async () => {
  const env = newHome('by-app');
  const { clientId, clientSecret } = await addApp(place.server, 'cli');
  const app = ['--client-id', clientId, '--client-secret-stdin'];
  const ended = await login(env, clientSecret, ...app, '--enterprise', '1', '--json');
  assert.equal(ended.code, 0, ended.stderr);
  const [{ user, profile } = {}] = jsonLines(ended.stdout);
  assert.equal((user as { login: string }).login, `app-${clientId}@partway.local`);
  assert.equal(profile, new URL(place.server.url).host);
  const made = await run(['mkdir', '/of-the-app', '--json'], { env });
  assert.equal(made.code, 0, made.stderr);
  // The app user's root folder, not the developer's.
  assert.deepEqual(
    jsonLines((await run(['ls', '--json'], { env })).stdout).map(({ name }) => name),
    ['of-the-app'],
  );
});

test('login does not save credentials that fail, and the exit code says why', async () => {
  const env = newHome('refused');
  const wrongToken = await login(env, 'nonsense', '--token-stdin');
  assert.equal(wrongToken.code, 4);
  assert.match(wrongToken.stderr, /Log in again/);
  const wrongSecret = await login(env, 'nonsense', '--client-id', 'x', '--client-secret-stdin', '--user', '1');
  assert.equal(wrongSecret.code, 4, wrongSecret.stderr);
  const nobody = await run(['login', '--server', 'http://127.0.0.1:1', '--token-stdin'], { env, input: 'x' });
  assert.equal(nobody.code, 7);
  const noTerminal = await run(['login'], { env });
  assert.equal(noTerminal.code, 2);
  assert.match(noTerminal.stderr, /Standard input is not a terminal/);
  await assert.rejects(stat(profilesOf('refused')), { code: 'ENOENT' });
});

test('a token is sent only to the server that it is for', async () => {
  const seen: string[] = [];
  const other = createServer((request, response) => {
    seen.push(String(request.headers.authorization));
    const user = { type: 'user', id: '1', name: 'Somebody', login: 'somebody@example.com' };
    const answer = request.url?.includes('/users/me') ? user : { entries: [], limit: 1000, next_marker: null };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const env = newHome('two-servers');
  try {
    assert.equal((await run(['login', '--server', address, '--token-stdin'], { env, input: 'theirs' })).code, 0);
    assert.equal((await login(env, place.server.token, '--token-stdin', '--name', 'ours')).code, 0);
    seen.length = 0;

    // The default profile, and a variable with a token for this server.
    assert.equal((await run(['use', new URL(address).host], { env })).code, 0);
    await run(['ls'], { env: { ...env, PARTWAY_TOKEN: place.server.token } });
    // A profile that is given explicitly overrides the variables.
    await run(['ls', '--profile', new URL(address).host], { env: { ...env, ...place.env } });
    // An address selects its own profile.
    await run(['ls', '--server', `${address}/`], { env });
    assert.deepEqual(new Set(seen), new Set(['Bearer theirs']));
    assert.equal(seen.length, 3);

    assert.equal((await run(['ls', '--profile', 'ours'], { env })).code, 0);
    assert.equal((await run(['ls'], { env: { ...env, PARTWAY_PROFILE: 'ours' } })).code, 0);
    assert.equal(seen.length, 3);
  } finally {
    other.close();
  }
});

test('a command without a token for a remote server does not connect to it', async () => {
  const env = newHome('nothing');
  const ended = await run(['ls', '--server', 'https://files.example.com'], { env });
  assert.equal(ended.code, 4);
  assert.match(
    ended.stderr,
    /There is no token for https:\/\/files\.example\.com\. Log in with: partway login --server/,
  );
  const withoutServer = await run(['ls'], { env, cwd: place.folder });
  assert.equal(withoutServer.code, 4);
  assert.match(withoutServer.stderr, /No server is configured\. Log in \(partway login\), or start a server here/);
  const both = await run(['ls', '--server', 'x', '--profile', 'y'], { env });
  assert.equal(both.code, 2);
  const unknown = await run(['ls', '--profile', 'y'], { env });
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /There is no profile y\. There are no profiles yet\./);
});

test('the developer token of a local data folder is only used with a loopback address', async () => {
  await using mine = await openCliFixture({ env: { PARTWAY_TOKEN: '' } });
  const { dataFolder, url } = mine.server;
  const env = { HOME: mine.folder, PARTWAY_DATA: dataFolder };
  assert.equal((await run(['ls', '--server', url], { env })).code, 0);
  assert.equal((await run(['ls'], { env: { ...env, PARTWAY_LISTEN: new URL(url).host } })).code, 0);
  // The operator's variables apply to both: clients use the server's token.
  const made = JSON.parse(await partway(mine.server, 'token', 'create', '--json')) as { access_token: string };
  const wide = { ...env, PARTWAY_LISTEN: new URL(url).host.replace('127.0.0.1', '0.0.0.0') };
  assert.equal((await run(['ls'], { env: { ...wide, PARTWAY_TOKEN: made.access_token } })).code, 0);
});

test('login does not overwrite a profiles file that it cannot read', async () => {
  const env = newHome('torn');
  await login(env, place.server.token, '--token-stdin');
  await writeFile(profilesOf('torn'), '{"profiles": {"x": ');
  const ended = await login(env, place.server.token, '--token-stdin');
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /profiles\.json is not a valid profiles file/);
  assert.equal(await readFile(profilesOf('torn'), 'utf8'), '{"profiles": {"x": ');
});
