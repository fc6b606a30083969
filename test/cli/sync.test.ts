import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { Api } from '../support/api.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines } from './run.ts';
import { syncTools } from './sync-fixture.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
});
after(() => place[Symbol.asyncDispose]());

const { create, readLocal, createRemote, readRemote, sync, bothWays } = syncTools(() => place);

const getJson = async <T>(path: string) => JSON.parse((await new Api(place.server).get(path)).text) as T;

test('sync transfers what is missing or different, keeps the rest, and does nothing the second time', async () => {
  const source = { 'a.txt': 'new a', 'same.txt': 'same', 'sub/b.txt': 'b', 'sub/empty/': '' };
  const destination = { 'a.txt': 'old a', 'same.txt': 'same', 'extra.txt': 'extra' };
  await bothWays('plain', { source, destination }, async (run, readDestination) => {
    const first = await run('--json');
    assert.equal(first.code, 0, first.stderr + first.stdout);
    const { files, present, failed } = jsonLines(first.stdout).at(-1) ?? {};
    assert.deepEqual([files, present, failed], [2, 1, 0]);
    assert.deepEqual(await readDestination(), {
      'a.txt': 'new a',
      'extra.txt': 'extra',
      'same.txt': 'same',
      'sub/': '',
      'sub/b.txt': 'b',
      'sub/empty/': '',
    });
    const second = jsonLines((await run('--json')).stdout);
    assert.deepEqual([second.at(-1)?.files, second.at(-1)?.present], [0, 3]);
  });
  const [changed] = (await place.json('ls', '/up plain')).filter(({ name }) => name === 'a.txt');
  const versions = await getJson<{ total_count: number }>(`/files/${changed?.id}/versions`);
  assert.equal(versions.total_count, 1, 'the old content is a version');
});

test('sync creates the destination if it does not exist, and fails if the source does not', async () => {
  await create('fresh', { 'a.txt': 'a' });
  assert.equal((await sync('fresh', '--to', '/new/place')).code, 0);
  assert.equal((await sync('new/local', '--from', '/new/place')).code, 0);
  assert.deepEqual(await readLocal('new/local'), { 'a.txt': 'a' });
  for (const args of [
    ['nowhere', '--to', '/new/place', '--delete'],
    ['fresh', '--from', '/nowhere', '--delete'],
  ]) {
    assert.equal((await sync(...args)).code, 5);
  }
  assert.deepEqual(await readLocal('fresh'), { 'a.txt': 'a' });
  assert.equal((await sync('fresh')).code, 2);
  assert.equal((await sync('fresh', '--to', '/a', '--from', '/b')).code, 2);
  assert.equal((await sync('fresh', 'other', '--to', '/a')).code, 2);
  assert.equal((await sync('fresh', '--to', '/a', '--max-delete', '1')).code, 2);
});

test('--delete removes what the source does not have, whole folders at once', async () => {
  const source = { 'a.txt': 'a', 'sub/b.txt': 'b' };
  const destination = { 'a.txt': 'a', 'old.txt': 'old', 'sub/old.txt': 'old', 'gone/x/y.txt': 'y', 'gone/z.txt': 'z' };
  await bothWays('delete', { source, destination }, async (run, readDestination) => {
    const refused = await run('--delete', '--max-delete', '5');
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^6 items would be deleted, more than the 5 of --max-delete\. Nothing was changed\.$/m,
    );
    assert.ok('old.txt' in (await readDestination()) && !('sub/b.txt' in (await readDestination())));
    const dry = await run('--delete', '--dry-run');
    assert.equal(dry.code, 0, dry.stderr);
    assert.deepEqual(
      dry.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/(up|down)load/, 'send')),
      [
        'would send sub/b.txt (1 B)',
        'would delete gone (with 3 items in it)',
        'would delete old.txt',
        'would delete sub/old.txt',
        'Nothing was changed.',
      ],
    );
    assert.ok('old.txt' in (await readDestination()) && !('sub/b.txt' in (await readDestination())));
    const ended = await run('--delete', '--max-delete', '6');
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /; 6 deleted\.$/m);
    assert.deepEqual(await readDestination(), { 'a.txt': 'a', 'sub/': '', 'sub/b.txt': 'b' });
  });
  const trash = await getJson<{ entries: { name: string }[] }>('/folders/trash/items');
  assert.deepEqual(trash.entries.map(({ name }) => name).toSorted(), ['gone', 'old.txt', 'old.txt']);
});

test('an empty source deletes nothing, unless --max-delete says how much', async () => {
  const destination = { 'a.txt': 'a', 'b/c.txt': 'c' };
  await bothWays('nothing', { source: { 'empty/': '' }, destination }, async (run, readDestination) => {
    const refused = await run('--delete');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /There are no files in .*, so 3 items would be deleted\..*add --max-delete 3\./);
    assert.deepEqual(await readDestination(), { ...destination, 'b/': '' });
    assert.equal((await run('--delete', '--max-delete', '3')).code, 0);
    assert.deepEqual(await readDestination(), { 'empty/': '' });
  });
});

test('if a transfer fails, nothing is deleted', async () => {
  const source = { 'a.txt': 'a', 'bad.txt': 'bad' };
  await create('failing', source);
  await createRemote('failing', { 'old.txt': 'old' });
  await createRemote('failing down', source);
  await create('failing down', { 'old.txt': 'old' });
  await using proxy = await startFaultProxy(place.server, ({ method, path }) =>
    path.endsWith('/content') && (method === 'POST' || method === 'GET')
      ? { answer: { status: 403, json: { type: 'error', status: 403, code: 'forbidden', message: 'No.' } } }
      : undefined,
  );
  for (const args of [
    ['failing', '--to', '/failing'],
    ['failing down', '--from', '/failing down'],
  ]) {
    const ended = await place.run(['sync', ...args, '--delete'], { env: { PARTWAY_SERVER: proxy.url } });
    assert.equal(ended.code, 4, ended.stderr);
    assert.match(ended.stderr, /Nothing was deleted, because not everything else succeeded\./);
  }
  assert.deepEqual(await readRemote('failing'), { 'old.txt': 'old' });
  assert.ok('old.txt' in (await readLocal('failing down')));
});

test('an item that cannot be read, or a name that is not unique, keeps everything from being deleted', async () => {
  await create('twins', { 'a.txt': '1', 'A.txt': '2', 'b.txt': 'b' });
  await createRemote('twins', { 'old.txt': 'old' });
  const dry = await sync('twins', '--to', '/twins', '--delete', '--dry-run');
  assert.equal(dry.code, 6);
  assert.doesNotMatch(dry.stdout, /would delete/);
  const ended = await sync('twins', '--to', '/twins', '--delete');
  assert.equal(ended.code, 6, ended.stderr);
  assert.match(ended.stderr, /have the same name on the server/);
  assert.deepEqual(Object.keys(await readRemote('twins')).toSorted(), ['A.txt', 'b.txt', 'old.txt']);
});

test('names that differ only in case or Unicode form are the same item, which keeps its spelling', async () => {
  const source = { 'PHOTO.jpg': 'new', 'Folder/caf\u00e9.txt': 'same' };
  const destination = { 'photo.jpg': 'old', 'folder/cafe\u0301.txt': 'same' };
  await bothWays('case', { source, destination }, async (run, readDestination) => {
    const ended = await run('--delete', '--json');
    assert.equal(ended.code, 0, ended.stderr + ended.stdout);
    const tree = await readDestination();
    assert.deepEqual(Object.values(tree).toSorted(), ['', 'new', 'same']);
    assert.ok('folder/cafe\u0301.txt' in tree);
    assert.equal(jsonLines(ended.stdout).at(-1)?.deleted, undefined);
  });
});

test('filters apply to both sides: excluded files are neither sent nor deleted', async () => {
  const source = { 'a.txt': 'a', 'new.tmp': 't', 'sub/b.txt': 'b', 'skip/c.txt': 'c' };
  const destination = {
    'old.txt': 'o',
    'old.tmp': 't',
    'sub/x.tmp': 'x',
    'gone/y.tmp': 'y',
    'gone/z.txt': 'z',
    'skip/d.txt': 'd',
  };
  await bothWays('filter', { source, destination }, async (run, readDestination) => {
    const ended = await run('--delete', '--exclude', '*.tmp', '--exclude', 'skip/');
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(await readDestination(), {
      'a.txt': 'a',
      'gone/': '',
      'gone/y.tmp': 'y',
      'old.tmp': 't',
      'skip/': '',
      'skip/d.txt': 'd',
      'sub/': '',
      'sub/b.txt': 'b',
      'sub/x.tmp': 'x',
    });
  });
});

test('a file that became a folder, and the reverse, is a conflict without --delete and replaced with it', async () => {
  const source = { 'one/inner/a.txt': 'a', two: 'file', 'c.txt': 'c' };
  const destination = { one: 'file', 'two/b.txt': 'b' };
  await bothWays('kinds', { source, destination }, async (run, readDestination) => {
    const refused = await run();
    assert.equal(refused.code, 6, refused.stderr);
    assert.match(refused.stderr, /one: This is a folder in the source, and a file in the destination\./);
    assert.deepEqual(await readDestination(), { ...destination, 'two/': '', 'c.txt': 'c' });
    const ended = await run('--delete');
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(await readDestination(), { ...source, 'one/': '', 'one/inner/': '' });
  });
});

test('symbolic links are neither sent nor followed nor replaced, and what they stand for is not deleted', async () => {
  await create('links', { 'a.txt': 'a' });
  await create('outside', { 'secret.txt': 'secret' });
  await symlink(place.at('outside'), place.at('links', 'folder'));
  await symlink(place.at('outside', 'secret.txt'), place.at('links', 'file.txt'));
  await createRemote('links', { 'folder/x.txt': 'x', 'file.txt': 'f', 'old.txt': 'old' });
  const up = await sync('links', '--to', '/links', '--delete');
  assert.equal(up.code, 0, up.stderr);
  assert.match(up.stderr, /Skipped file\.txt: symbolic link\./);
  assert.deepEqual(await readRemote('links'), { 'a.txt': 'a', 'file.txt': 'f', 'folder/': '', 'folder/x.txt': 'x' });
  const down = await sync('links', '--from', '/links', '--delete');
  assert.equal(down.code, 6);
  assert.match(down.stderr, /such as a symbolic link/);
  const { 'file.txt': file, folder } = await readLocal('links');
  assert.deepEqual([file, folder], ['(link)', '(link)']);
  assert.deepEqual(await readLocal('outside'), { 'secret.txt': 'secret' });
});

test('check prints the differences and exits with 3, or 0 if there are none', async () => {
  await create('checked', { 'same.txt': 's', 'mine.txt': 'm', 'changed.txt': 'one', 'kind/x.txt': 'x' });
  await createRemote('checked', { 'same.txt': 's', 'theirs.txt': 't', 'changed.txt': 'two', kind: 'file' });
  const check = (...flags: string[]) => place.run(['check', 'checked', '--to', '/checked', ...flags]);
  const ended = await check();
  assert.equal(ended.code, 3, ended.stderr);
  assert.deepEqual(ended.stdout.trimEnd().split('\n'), [
    'missing on the server: kind/x.txt',
    'missing on the server: mine.txt',
    'missing locally: theirs.txt',
    'differs: changed.txt',
    'a file in one place and a folder in the other: kind',
    '1 file is identical; 5 differences.',
  ]);
  const oneWay = jsonLines((await check('--one-way', '--json')).stdout);
  assert.deepEqual(
    oneWay.map(({ event, path }) => `${event} ${path ?? ''}`.trim()),
    [
      'missing_on_server kind/x.txt',
      'missing_on_server mine.txt',
      'differs changed.txt',
      'different_type kind',
      'summary',
    ],
  );
  const reverse = await place.run(['check', 'checked', '--from', '/checked', '--one-way']);
  assert.match(reverse.stdout, /^missing locally: theirs\.txt$/m);
  assert.doesNotMatch(reverse.stdout, /mine\.txt/);
  assert.equal((await check('--include', 'same.txt')).code, 0);
  assert.equal((await place.run(['check', 'nowhere', '--to', '/checked'])).code, 5);
  assert.equal((await place.run(['check', 'checked', '--to', '/nowhere'])).code, 5);
  assert.deepEqual(await readRemote('checked').then(Object.keys), ['changed.txt', 'kind', 'same.txt', 'theirs.txt']);
});
