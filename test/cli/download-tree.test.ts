import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { link, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LocalPaths } from '../../packages/cli/src/transfer/download/local-paths.ts';
import { localName } from '../../packages/cli/src/transfer/download/local-target.ts';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { createFile, sha1OfFile } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { jsonLines, uploadedFile } from './run.ts';

const SIZE = 3_000_000;

let place: CliFixture;
let sha1: string;
before(async () => {
  // Downloads come from the server itself, so that a proxy in front of it sees them.
  place = await openCliFixture({ env: { PARTWAY_DOWNLOADS: 'direct' } });
  await mkdir(place.at('tree', 'b', 'empty'), { recursive: true });
  for (const name of ['a.txt', 'b/c.txt', 'b/d e.txt']) await writeFile(place.at('tree', name), name);
  sha1 = await createFile(place.at('tree', 'b', 'large.bin'), SIZE, 'cli tree');
  await writeFile(place.at('tree', 'nothing'), '');
  await place.json('upload', '-r', 'tree');
});
after(() => place[Symbol.asyncDispose]());

const download = (...args: string[]) => place.run(['download', ...args]);

/** All paths below a folder, sorted. */
async function below(...names: string[]): Promise<string[]> {
  return (await readdir(place.at(...names), { recursive: true })).toSorted();
}

const ALL = ['tree', 'tree/a.txt', 'tree/b', 'tree/b/c.txt', 'tree/b/d e.txt', 'tree/b/empty', 'tree/b/large.bin'];

test('a folder is downloaded with its structure; a second run skips files that exist', async () => {
  assert.equal((await download('/tree')).code, 2);
  const ended = await download('/tree', '--recursive', '--to', 'whole/new');
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^\/tree\/b\/d e\.txt: /m);
  assert.match(ended.stdout, /^5 downloaded, 2\.9 MiB in /m);
  assert.deepEqual(await below('whole/new'), [...ALL, 'tree/nothing']);
  assert.equal(await readFile(place.at('whole/new/tree/b/d e.txt'), 'utf8'), 'b/d e.txt');
  assert.equal(await sha1OfFile(place.at('whole/new/tree/b/large.bin')), sha1);

  await rm(place.at('whole/new/tree/a.txt'));
  await writeFile(place.at('whole/new/tree/b/c.txt'), 'mine');
  const again = await download('/tree/', '-r', '--to', 'whole/new', '--json');
  assert.equal(again.code, 6, again.stderr);
  const events = jsonLines(again.stdout);
  const { files, present, failed } = events.at(-1) ?? {};
  assert.deepEqual({ files, present, failed }, { files: 1, present: 3, failed: 1 });
  assert.equal(await readFile(place.at('whole/new/tree/b/c.txt'), 'utf8'), 'mine');
  assert.equal((await download('/tree', '-r', '--to', 'whole/new', '--force')).code, 0);
  assert.equal(await readFile(place.at('whole/new/tree/b/c.txt'), 'utf8'), 'b/c.txt');
});

test('the root folder is downloaded without a folder of its own, and files together with folders', async () => {
  await place.json('download', '-r', '/', '--to', 'root');
  assert.deepEqual(await below('root'), [...ALL, 'tree/nothing']);
  await place.json('download', '-r', '/tree/a.txt', '/tree/b', '--to', 'both');
  assert.deepEqual(await below('both'), ['a.txt', 'b', ...ALL.slice(3).map((path) => path.slice(5))]);
});

test('a folder download resumes each interrupted file, within one run and in a later run', async () => {
  await using cutting = await startCuttingProxy(place.server, 1_000_000);
  const ended = await place.run(['download', '-r', '/tree', '--to', 'cut'], { env: { PARTWAY_SERVER: cutting.url } });
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(await sha1OfFile(place.at('cut/tree/b/large.bin')), sha1);

  // Killed when the large file is requested for the second time, when some of it is stored locally.
  await using broken = await startCuttingProxy(place.server, 1_000_000);
  await using proxy = await startFaultProxy(broken, ({ headers }) => {
    if (headers.range !== undefined) running.child.kill('SIGKILL');
    return undefined;
  });
  const args = ['download', '-r', '/tree', '--to', 'killed'];
  const running = place.start(args, { env: { PARTWAY_SERVER: proxy.url } });
  assert.equal((await running.ended).signal, 'SIGKILL');
  assert.ok((await below('killed')).some((path) => /\/\.partway-\d+-\d+\.part$/.test(path)));
  const events = await place.json(...args);
  const resumed = events.find(({ event }) => event === 'resumed');
  assert.equal(resumed?.path, '/tree/b/large.bin');
  const done = events.find(({ event, path }) => event === 'done' && path === resumed?.path);
  assert.equal(Number(done?.bytes_received) + Number(resumed?.bytes), SIZE);
  assert.deepEqual(await below('killed'), [...ALL, 'tree/nothing']);
});

test('Ctrl-C stops a folder download cleanly', async () => {
  await using broken = await startCuttingProxy(place.server, 1_000_000);
  await using proxy = await startFaultProxy(broken, ({ headers }) => {
    if (headers.range === undefined) return undefined;
    running.child.kill('SIGINT');
    return { delay: 5_000 };
  });
  const args = ['download', '-r', '/tree', '--to', 'stopped'];
  const running = place.start(args, { env: { PARTWAY_SERVER: proxy.url } });
  const ended = await running.ended;
  assert.equal(ended.code, 130, ended.stderr);
  assert.match(ended.stdout, /large\.bin: stopped/);
  assert.match(ended.stderr, /Run the same command again to resume\./);
  await place.json(...args);
  assert.equal(await sha1OfFile(place.at('stopped/tree/b/large.bin')), sha1);
});

test('names from the server cannot lead out of the target folder', async () => {
  const { id } = uploadedFile(await place.json('upload', 'tree/a.txt', '--name', 'bait.txt'));
  const [evil] = await place.json('mkdir', '/evil');
  const sane = (await place.json('ls', '/')).find(({ name }) => name === 'bait.txt');
  const version = { type: 'file_version', id: '1', sha1: sane?.sha1 };
  const names = ['..', '.', '', '../up.txt', '/abs.txt', 'a/b', 'nul\0.txt', `.partway-${id}-1.part`];
  const entries = [
    ...names.map((name) => ({ type: 'file', id, etag: '0', name, size: 5, sha1: sane?.sha1, file_version: version })),
    { type: 'file', id: '../../x', etag: '0', name: 'id.txt', size: 5, sha1: sane?.sha1, file_version: version },
    {
      type: 'file',
      id,
      etag: '0',
      name: 'v.txt',
      size: 5,
      sha1: sane?.sha1,
      file_version: { ...version, id: '/../../y' },
    },
    { type: 'folder', id: evil?.id, etag: '0', name: 'loop', size: 0 },
    { type: 'folder', id: '5', etag: '0', name: '..', size: 0 },
    { type: 'web_link', id: '6', etag: '0', name: 'link' },
  ];
  await using proxy = await startFaultProxy(place.server, ({ path }) =>
    path === `/folders/${evil?.id}/items` ? { answer: { status: 200, json: { entries, limit: 1000 } } } : undefined,
  );
  await mkdir(place.at('jail', 'inner'), { recursive: true });
  const args = ['download', '-r', '/evil', '--to', 'jail/inner', '--json'];
  const ended = await place.run(args, { env: { PARTWAY_SERVER: proxy.url } });
  assert.equal(ended.code, 1, ended.stderr);
  const events = jsonLines(ended.stdout);
  assert.equal(events.filter(({ event }) => event === 'failed').length, entries.length - 1, ended.stdout);
  assert.equal(events.filter(({ event }) => event === 'notice').length, 1);
  assert.deepEqual(await below('jail'), ['inner', 'inner/evil', 'inner/evil/loop']);
  assert.ok((await below('.')).every((path) => !/up\.txt|abs\.txt|x\.part|y\.part/.test(path)));
});

test('symbolic links in the target folder are not followed', async () => {
  await mkdir(place.at('outside'));
  await writeFile(place.at('outside', 'a.txt'), 'outside');
  await mkdir(place.at('links', 'tree'), { recursive: true });
  await symlink(place.at('outside'), place.at('links', 'tree', 'b'));
  await symlink(place.at('outside', 'a.txt'), place.at('links', 'tree', 'a.txt'));
  await symlink(place.at('outside', 'new'), place.at('links', 'tree', 'nothing'));
  const ended = await download('-r', '/tree', '--to', 'links');
  assert.equal(ended.code, 6, ended.stderr);
  assert.match(ended.stderr, /^\/tree\/b: .*is in the way: it is a symbolic link, which is not followed\./m);
  assert.match(ended.stderr, /^\/tree\/a\.txt: .*exists and differs/m);
  // With --force, a link to a file is replaced, a link to a folder is not.
  assert.equal((await download('-r', '/tree', '--to', 'links', '--force')).code, 6);
  assert.ok((await lstat(place.at('links', 'tree', 'a.txt'))).isFile());
  assert.equal(await readlink(place.at('links', 'tree', 'b')), place.at('outside'));
  assert.equal(await readFile(place.at('outside', 'a.txt'), 'utf8'), 'outside');
  assert.deepEqual(await below('outside'), ['a.txt']);
});

test('partial downloads are not written through a symbolic link', async () => {
  const [file] = (await place.json('ls', '/tree')).filter(({ name }) => name === 'a.txt');
  await mkdir(place.at('sly'));
  const events = await place.json('download', '/tree/a.txt', '--to', 'sly/named.txt');
  assert.ok(events.some(({ event }) => event === 'done'));
  await rm(place.at('sly/named.txt'));
  const version = await versionOf(String(file?.id));
  await symlink(place.at('sly', 'goal'), place.at('sly', `.partway-${file?.id}-${version}.part`));
  const ended = await download('/tree/a.txt', '--to', 'sly/named.txt');
  assert.equal(ended.code, 6);
  assert.match(ended.stderr, /exists and is not a file\. Remove it/);
  assert.equal((await below('sly')).length, 1);
});

async function versionOf(id: string): Promise<string> {
  const headers = { authorization: `Bearer ${place.server.token}` };
  const answer = await fetch(`${place.server.url}/2.0/files/${id}`, { headers });
  return ((await answer.json()) as { file_version: { id: string } }).file_version.id;
}

test('download rejects impossible combinations of arguments before it fetches anything', async () => {
  const several = await download('/tree/a.txt', '/tree/nothing', '--to', 'no-folder');
  assert.equal(several.code, 2);
  assert.match(several.stderr, /no-folder is not one\. Create it first/);
  assert.equal((await download('/tree', '-r', '--file-version', '1')).code, 2);
  await writeFile(place.at('in-the-way'), '');
  const file = await download('/tree', '-r', '--to', 'in-the-way');
  assert.equal(file.code, 6);
  assert.match(file.stderr, /in-the-way is in the way: it is not a folder/);
  assert.equal((await download('/tree', '-r', '--to', 'in-the-way/below')).code, 6);
  const missingFolder = await download('/tree/a.txt', '--to', 'no-folder/a.txt');
  assert.equal(missingFolder.code, 5);
  assert.match(
    missingFolder.stderr,
    /The local folder \S+no-folder does not exist\. Create it first: mkdir -p \S+no-folder$/m,
  );
  assert.equal((await download('', '--to', place.folder)).code, 2);
});

test('a download fails if the target folder cannot be created', {
  skip: existsSync('/proc/self') ? false : 'no /proc here',
}, async () => {
  const ended = await download('/tree', '-r', '--to', '/proc/partway/below');
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /^\/tree: \/proc\/partway cannot be created\.$/m);
});

test('names are checked by the rules of the local operating system', () => {
  for (const name of ['NUL', 'com1.txt', 'a:b', 'a\\b', 'ends.', 'ends ', 'what?', 'lpt9']) {
    assert.equal(localName(name, 'linux'), name);
    assert.throws(() => localName(name, 'win32'), /cannot be a local name/);
  }
  for (const name of ['nulls', 'com10', 'a.b', '..a', 'ünï']) assert.equal(localName(name, 'win32'), name);
});

test('two files of one run with the same local path do not overwrite each other, even with --force', async () => {
  for (const side of ['left', 'right']) {
    await mkdir(place.at(side, 'photos'), { recursive: true });
    await writeFile(place.at(side, 'photos', 'x.jpg'), side);
    await writeFile(place.at(side, 'photos', `${side}.jpg`), side);
    await place.json('mkdir', `/${side}`);
    await place.json('upload', '-r', `${side}/photos`, '--to', `/${side}`);
  }
  await mkdir(place.at('meet'));
  for (const force of [[], ['--force']]) {
    const ended = await download('/left/photos/x.jpg', '/right/photos/x.jpg', '--to', 'meet', ...force);
    assert.equal(ended.code, 6, ended.stderr);
    assert.match(
      ended.stderr,
      /Not downloaded: \/left\/photos\/x\.jpg and \/right\/photos\/x\.jpg have the same local path, .*\/meet\/x\.jpg\./,
    );
    assert.equal(await readFile(place.at('meet', 'x.jpg'), 'utf8'), 'left');
  }
  const trees = await download('-r', '/left/photos', '/right/photos', '--to', 'meet-trees', '--force');
  assert.equal(trees.code, 6);
  assert.deepEqual(await below('meet-trees'), ['photos', 'photos/left.jpg', 'photos/right.jpg', 'photos/x.jpg']);
  assert.equal(await readFile(place.at('meet-trees', 'photos', 'x.jpg'), 'utf8'), 'left');
  // The same file given twice counts once.
  const twice = await download('/left/photos/x.jpg', 'left/photos/X.JPG', '--to', 'meet');
  assert.equal(twice.code, 0, twice.stderr);
  assert.match(twice.stderr, /Skipped .*: named twice/);
});

test('local paths collide only if the file system treats them as the same path', async () => {
  const localPaths = new LocalPaths();
  const folder = place.at('claims');
  await mkdir(folder);
  const item = (label: string, id: string) => ({ label, id, kind: 'file' as const });
  (await localPaths.claim(join(folder, 'A.txt'), item('/A.txt', '1')))();
  // This file system distinguishes the two names.
  await writeFile(join(folder, 'A.txt'), 'A');
  (await localPaths.claim(join(folder, 'a.txt'), item('/a.txt', '2')))();
  // On one that does not, both names lead to the same file, like this hard link.
  await link(join(folder, 'A.txt'), join(folder, 'a.TXT'));
  await assert.rejects(
    localPaths.claim(join(folder, 'a.TXT'), item('/a.TXT', '3')),
    /\/A\.txt and \/a\.TXT have the same local path/,
  );
});
