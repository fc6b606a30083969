import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { upload } from '../http/forms.ts';
import { partway } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { storageSettings } from '../support/storage.ts';
import { databaseSettings } from '../support/test-database.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { noTerminal, startOnTerminal } from './terminal.ts';

let place: CliFixture;
let env: Record<string, string>;
before(async () => {
  place = await openCliFixture();
  const { dataFolder } = place.server;
  env = { ...place.env, PARTWAY_DATA: dataFolder, ...databaseSettings(dataFolder), ...storageSettings(dataFolder) };
});
after(() => place[Symbol.asyncDispose]());

async function addUserWithFile(login: string): Promise<void> {
  await partway(place.server, 'user', 'add', login);
  const token = (await partway(place.server, 'token', 'create', '--user', login, '--value')).trim();
  await upload(new Api({ url: place.server.url, token }), 'file.txt', 'bytes');
}

test('on a terminal, long operations show what is happening and for how long', { skip: noTerminal }, async () => {
  await addUserWithFile('ann@example.com');
  for (const [args, line] of [
    [['user', 'delete', 'ann@example.com', '--force'], /^Deleting ann@example\.com… 0:0\d$/],
    [['migrate'], /^Upgrading the database schema… 0:0\d$/],
  ] as const) {
    const terminal = startOnTerminal(args, { env, cwd: place.folder });
    assert.equal((await terminal.ended).code, 0, terminal.output());
    assert.ok(
      terminal.shown().some((shown) => line.test(shown)),
      terminal.output(),
    );
  }
});

test('in a pipe, they print only their result', async () => {
  await addUserWithFile('bob@example.com');
  const ended = await place.run(['user', 'delete', 'bob@example.com', '--force'], { env });
  assert.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'Deleted the user bob@example.com.\n', '']);
});
