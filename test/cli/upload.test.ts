import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Api } from '../support/api.ts';
import { createFile } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines } from './run.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture({ env: { PARTWAY_PART_SIZE: '4MiB' } });
});
after(() => place[Symbol.asyncDispose]());

const upload = (...args: string[]) => place.run(['upload', ...args]);
const names = async (folder: string) => (await place.json('ls', folder)).map(({ name }) => name);

test('a file is uploaded in parts, and skipped the second time', async () => {
  const sha1 = await createFile(place.at('big.bin'), 21_000_000, 'cli big');
  await place.json('mkdir', '/in');
  const events = await place.json('upload', 'big.bin', '--to', '/in');
  assert.deepEqual(
    events.map(({ event }) => event).filter((event) => event !== 'progress'),
    ['start', 'done', 'summary'],
  );
  const [done] = events.filter(({ event }) => event === 'done');
  const file = done?.file as { id: string };
  assert.deepEqual(done?.file, { id: file.id, name: 'big.bin', size: 21_000_000, sha1 });
  assert.equal(done?.bytes_sent, 21_000_000);
  assert.equal(done?.path, 'big.bin');

  const again = await upload('big.bin', '--to', '/in', '--conflict', 'version');
  assert.equal(again.code, 0);
  assert.equal(again.stdout, `big.bin: skipped, identical file exists (ID ${file.id})\n`);
  assert.equal((await upload('big.bin', '--to', '/in')).stdout, again.stdout);
  assert.equal((await new Api(place.server).get(`/files/${file.id}/versions`)).json.total_count, 0);
});

test('if another file has the name, the user has to choose a conflict policy', async () => {
  await writeFile(place.at('taken.txt'), 'one');
  assert.equal((await upload('taken.txt')).code, 0);
  await writeFile(place.at('taken.txt'), 'two');
  const refused = await upload('taken.txt');
  assert.equal(refused.code, 6);
  assert.match(refused.stderr, /taken\.txt: .*\(409 item_name_in_use\) Use --conflict version, --conflict rename/);
  assert.equal(refused.stdout, '');
  assert.equal((await upload('taken.txt', '--conflict', 'rename')).code, 0);
  const version = await upload('taken.txt', '--conflict', 'version');
  assert.equal(version.code, 0, version.stderr);
  assert.equal((await upload('taken.txt', '--name', 'other.txt')).code, 0);
  const listed = await names('/');
  for (const name of ['taken.txt', 'taken (1).txt', 'other.txt'])
    assert.ok(listed.includes(name), `${name}: ${listed}`);
});

test('a folder is uploaded recursively, and a second run uploads only missing files', async () => {
  await mkdir(place.at('tree', 'b', 'empty'), { recursive: true });
  for (const name of ['a.txt', 'b/c.txt', 'b/d.txt']) await writeFile(place.at('tree', name), name);
  await writeFile(place.at('tree', 'nothing'), '');
  await symlink('a.txt', place.at('tree', 'link'));
  assert.equal((await upload('tree')).code, 2);
  const ended = await upload('tree', '-r');
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /Skipped tree\/link: symbolic link/);
  assert.match(ended.stdout, /^4 uploaded, 19 B in /m);

  assert.deepEqual(await names('/tree'), ['b', 'a.txt', 'nothing']);
  assert.deepEqual(await names('/tree/b'), ['empty', 'c.txt', 'd.txt']);

  await writeFile(place.at('tree', 'b', 'e.txt'), 'e');
  await writeFile(place.at('tree', 'a.txt'), 'other');
  const again = await upload('tree', '--recursive', '--json');
  assert.equal(again.code, 6);
  const summary = jsonLines(again.stdout).at(-1);
  assert.deepEqual(
    [summary?.event, summary?.files, summary?.present, summary?.failed],
    ['summary', 1, 3, 1],
    again.stdout,
  );
});

test('files that cannot be uploaded are reported, each kind of error with its own exit code', async () => {
  await writeFile(place.at('small.txt'), 'small');
  const missing = await upload('missing.bin', 'small.txt');
  assert.equal(missing.code, 5);
  assert.match(missing.stderr, /^missing\.bin does not exist\.\n$/);
  assert.match(missing.stdout, /^1 uploaded, 5 B in .*1 failed\.$/m);
  assert.equal((await upload('small.txt', '--to', '/nowhere')).code, 5);
  const usage = await upload('small.txt', '--parallel', '9');
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /whole number from 1 to 8/);
  assert.equal((await upload('small.txt', 'taken.txt', '--name', 'x')).code, 2);
  assert.equal((await upload()).code, 2);
  const unset = await upload('small.txt', '--to', '');
  assert.equal(unset.code, 2);
  assert.match(unset.stderr, /The root folder is \/\./);
  const unreachable = await place.run(['upload', 'small.txt'], { env: { PARTWAY_SERVER: 'http://127.0.0.1:1' } });
  assert.equal(unreachable.code, 7);
  assert.match(unreachable.stderr, /^The connection to 127\.0\.0\.1:1 failed: .*For details, run partway doctor\.$/m);
  const refused = await place.run(['upload', 'small.txt'], { env: { PARTWAY_TOKEN: 'nobodys' } });
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /Log in again: partway login/);
});

test('control characters in a name do not reach the terminal', async () => {
  const name = 'red\u001b[31m.txt';
  await writeFile(place.at(name), 'red');
  const ended = await upload(name);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /red\\u001b\[31m\.txt/);
  assert.ok(!(ended.stdout + ended.stderr).includes('\u001b'));
});
