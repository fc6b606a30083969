import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Api } from '../support/api.ts';
import { createFile, sha1OfFile } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { uploadedFile } from './run.ts';

const SIZE = 3_000_000;

let place: CliFixture;
let sha1: string;
let file: { id: string; version: string };
before(async () => {
  // Downloads come from the server itself, so that a proxy in front of it sees them.
  place = await openCliFixture({ env: { PARTWAY_DOWNLOADS: 'direct' } });
  sha1 = await createFile(place.at('source.bin'), SIZE, 'cli download');
  const { id } = uploadedFile(await place.json('upload', 'source.bin'));
  file = { id, version: (await new Api(place.server).get(`/files/${id}`)).json.file_version.id };
});
after(() => place[Symbol.asyncDispose]());

const download = (...args: string[]) => place.run(['download', ...args]);
const unfinished = (folder: string) => place.at(folder, `.partway-${file.id}-${file.version}.part`);

async function newFolder(name: string): Promise<string> {
  await mkdir(place.at(name));
  return name;
}

test('a file is downloaded by path or ID, with its modification time and default permissions', async () => {
  const to = await newFolder('plain');
  const ended = await download('/source.bin', '--to', to);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^\/source\.bin: 2\.9 MiB in \S+( \(\S+ \S+\))?\n$/);
  assert.equal(await sha1OfFile(place.at(to, 'source.bin')), sha1);
  const [here, there] = [await stat(place.at(to, 'source.bin')), await stat(place.at('source.bin'))];
  assert.equal(Math.floor(here.mtimeMs / 1000), Math.floor(there.mtimeMs / 1000));
  assert.equal(here.mode & 0o777, 0o666 & ~process.umask());
  assert.equal((await download(file.id, '--to', `${to}/named.bin`)).code, 0);
  assert.deepEqual((await readdir(place.at(to))).toSorted(), ['named.bin', 'source.bin']);
});

test('an interrupted download resumes, within one run and in a later run', async () => {
  const to = await newFolder('broken');
  // The client may lose what it has not written yet, but no connection delivers more than this, so at least four are
  // needed.
  await using proxy = await startCuttingProxy(place.server, 900_000);
  const ended = await place.run(['download', '/source.bin', '--to', to, '--json'], {
    env: { PARTWAY_SERVER: proxy.url },
  });
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(await sha1OfFile(place.at(to, 'source.bin')), sha1);
  const ranges = proxy.ranges();
  assert.ok(ranges.length >= 4, `${ranges}`);
  assert.equal(ranges[0], undefined);

  const later = await newFolder('later');
  await copyFile(place.at('source.bin'), unfinished(later));
  await truncate(unfinished(later), 1_234_567);
  const events = await place.json('download', '/source.bin', '--to', later);
  assert.equal(events.find(({ event }) => event === 'resumed')?.bytes, 1_234_567);
  assert.equal(events.find(({ event }) => event === 'done')?.bytes_received, SIZE - 1_234_567);
  assert.deepEqual(await readdir(place.at(later)), ['source.bin']);
});

test('bytes that are not part of the file never get its name', async () => {
  const to = await newFolder('wrong');
  await writeFile(unfinished(to), Buffer.alloc(1000));
  const ended = await download('/source.bin', '--to', to);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, new RegExp(`instead of ${sha1} and were deleted`));
  assert.deepEqual(await readdir(place.at(to)), []);
  assert.equal((await download('/source.bin', '--to', to)).code, 0);
});

test('an existing file is kept: an identical one is skipped, a different one is only replaced with --force', async () => {
  const to = await newFolder('there');
  await writeFile(place.at(to, 'source.bin'), 'mine');
  const refused = await download('/source.bin', '--to', to);
  assert.equal(refused.code, 6);
  assert.match(refused.stderr, /overwrite it with --force/);
  assert.equal(await readFile(place.at(to, 'source.bin'), 'utf8'), 'mine');
  assert.equal((await download('/source.bin', '--to', to, '--force')).code, 0);
  const again = await download('/source.bin', '--to', to);
  assert.equal(again.code, 0);
  assert.match(again.stdout, /skipped, identical file exists/);
});

test('an earlier version is downloaded by its ID, and one missing file does not stop the others', async () => {
  const to = await newFolder('versions');
  await writeFile(place.at('text.txt'), 'first');
  await place.json('upload', 'text.txt');
  await writeFile(place.at('text.txt'), 'second');
  const { id } = uploadedFile(await place.json('upload', 'text.txt', '--conflict', 'version'));
  const [first] = (await new Api(place.server).get(`/files/${id}/versions`)).json.entries;
  await place.json('download', '/text.txt', '--to', to, '--file-version', first.id);
  assert.equal(await readFile(place.at(to, 'text.txt'), 'utf8'), 'first');

  const some = await newFolder('some');
  const ended = await download('/nowhere.txt', '/text.txt', '--to', some);
  assert.equal(ended.code, 5);
  assert.match(ended.stdout, /^1 downloaded.*1 failed\.$/m);
  assert.deepEqual(await readdir(place.at(some)), ['text.txt']);
});
