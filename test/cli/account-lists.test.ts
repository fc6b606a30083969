import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { partway } from '../support/accounts.ts';
import { databaseSettings } from '../support/test-database.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { noTerminal, startOnTerminal } from './terminal.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
});
after(() => place[Symbol.asyncDispose]());

const operate = (...args: string[]) => partway(place.server, ...args);

async function onTerminal(...args: string[]): Promise<string[]> {
  const { dataFolder } = place.server;
  const env = { ...place.env, ...databaseSettings(dataFolder) };
  const terminal = startOnTerminal([...args, '--data', dataFolder], { env, cwd: place.folder });
  assert.equal((await terminal.ended).code, 0, terminal.output());
  return terminal.shown();
}

test('a script reads new tokens, secrets and IDs without parsing text', async () => {
  const id = (await operate('user', 'add', 'ann@example.com', '--value')).trim();
  assert.match(id, /^[0-9]+$/);
  assert.match(await operate('user', 'list', '--value'), /^ann@example\.com$/m);
  assert.match(await operate('user', 'list', '--value', 'id'), new RegExp(`^${id}$`, 'm'));
  assert.match(await operate('app', 'add', 'one', '--value'), /^[\w-]{43}\n$/);
  const token = (await operate('token', 'create', '--user', 'ann@example.com', '--value')).trim();
  const own = await place.run(['ls', '--json'], { env: { PARTWAY_TOKEN: token } });
  assert.equal(own.code, 0, own.stderr);
  assert.equal(await operate('user', 'quota', 'ann@example.com', '1GB', '--value'), '1000000000\n');
});

test('scripts that use the earlier name of token create still work, but help does not show it', async () => {
  assert.match(await operate('token', 'make', '--value'), /^[\w-]{43}\n$/);
  const help = (await place.run(['token', '--help'])).stdout;
  assert.match(help, /create \[options\]/);
  assert.doesNotMatch(help, /make/);
});

test('in a pipe, lists of users, apps and tokens have tabs and plain numbers, and no headers', async () => {
  await operate('user', 'add', 'bob@example.com', '--quota', '2MiB');
  const users = await operate('user', 'list');
  assert.match(users, /^[0-9]+\tbob@example\.com\tbob@example\.com\tactive\t0\t0\t2097152$/m);
  assert.match(users, /^[0-9]+\tdeveloper@partway\.local\tDeveloper\tactive\t0\t0\tdefault\n/);
  await operate('app', 'add', 'two', '--redirect-uri', 'https://a.example.com/', 'https://b.example.com/');
  const apps = await operate('app', 'list');
  assert.match(apps, /^[0-9a-f]{32}\ttwo\t[0-9]+\tno\thttps:\/\/a\.example\.com\/ https:\/\/b\.example\.com\/\t-$/m);
  await operate('token', 'create', '--scope', 'base_upload');
  const tokens = await operate('token', 'list');
  assert.match(tokens, /^[0-9a-f]{16}\taccess\tdeveloper@partway\.local\t-\t\S+Z\tbase_upload\t-$/m);
});

test('on a terminal, the same lists have headers, and sizes have units', { skip: noTerminal }, async () => {
  await operate('user', 'add', 'cy@example.com', '--quota', '2MiB');
  const [header, ...users] = await onTerminal('user', 'list');
  assert.match(header ?? '', /^ID +LOGIN +NAME +STATUS +USED +RESERVED +QUOTA$/);
  assert.ok(
    users.some((line) => /^[0-9]+ +cy@example\.com +cy@example\.com +active +0 B +0 B +2\.0 MiB$/.test(line)),
    users.join('\n'),
  );
  assert.match((await onTerminal('app', 'list'))[0] ?? '', /^CLIENT ID +NAME +SERVICE USER +AS-USER +REDIRECT URIS/);
  assert.match((await onTerminal('token', 'list'))[0] ?? '', /^ID +KIND +USER +APP +EXPIRES +SCOPE +RESTRICTED TO$/);
});
