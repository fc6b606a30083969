import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { syncTools } from './sync-fixture.ts';

let place: CliFixture;
before(async () => {
  // Downloads come from the server itself, so that a proxy in front of it sees them.
  place = await openCliFixture({ env: { PARTWAY_DOWNLOADS: 'direct' } });
});
after(() => place[Symbol.asyncDispose]());

const { bothWays } = syncTools(() => place);

test('what a filter excludes on one side is not deleted or replaced on the other, where case or Unicode form differ', async () => {
  const source = {
    'a.txt': 'a',
    'Archive/in/1.txt': 'new',
    'Note.TMP': 'new',
    'caf\u00e9/x.txt': 'new',
    'Kind/1.txt': 'new',
  };
  const kept = { 'archive/in/1.txt': 'old', 'archive/2.txt': 'old', 'note.tmp': 'old', 'cafe\u0301/x.txt': 'old' };
  const destination = { ...kept, kind: 'old', 'extra.txt': 'extra' };
  await bothWays('excluded', { source, destination }, async (run, readDestination) => {
    for (const patterns of [
      ['/Archive/**', '*.TMP', 'caf\u00e9/', 'Kind/'],
      ['/archive/', '*.tmp', 'cafe\u0301/', 'kind'],
    ]) {
      const ended = await run('--delete', ...patterns.flatMap((pattern) => ['--exclude', pattern]));
      assert.equal(ended.code, 0, ended.stderr);
      const folders = { 'archive/': '', 'archive/in/': '', 'cafe\u0301/': '' };
      assert.deepEqual(await readDestination(), { ...kept, ...folders, kind: 'old', 'a.txt': 'a' });
    }
  });
});

async function prepare(
  name: string,
  remoteFile: string,
  localFile: string,
): Promise<{ local: string; remote: string }> {
  const [local, remote] = [place.at(name), `/${name}`];
  await mkdir(place.at(name, localFile, '..'), { recursive: true });
  await writeFile(place.at(name, localFile), 'local');
  await writeFile(place.at('sent.txt'), 'from the server');
  await place.json('mkdir', '-p', remote);
  await place.json('upload', 'sent.txt', '--to', remote, '--name', remoteFile);
  return { local, remote };
}

test('a local folder that a file replaces is kept until the file is complete', async () => {
  const { local, remote } = await prepare('kinds', 'x', 'x/inner.txt');
  await using proxy = await startFaultProxy(place.server, ({ path }) =>
    path.endsWith('/content')
      ? { answer: { status: 404, json: { type: 'error', status: 404, code: 'not_found' } } }
      : undefined,
  );
  const args = ['sync', 'kinds', '--from', remote, '--delete'];
  const failed = await place.run([...args, '--server', proxy.url]);
  assert.notEqual(failed.code, 0, failed.stdout);
  // A partial download may remain, for the next run.
  assert.deepEqual(
    (await readdir(local)).filter((name) => !name.startsWith('.partway-')),
    ['x'],
  );
  assert.equal(await readFile(place.at('kinds', 'x', 'inner.txt'), 'utf8'), 'local');
  const done = await place.run(args);
  assert.equal(done.code, 0, done.stderr);
  assert.deepEqual(await readdir(local), ['x']);
  assert.equal(await readFile(place.at('kinds', 'x'), 'utf8'), 'from the server');
});

test('a local file that a folder replaces is kept until the folder is complete', async () => {
  const { local } = await prepare('files', 'unused', 'x');
  await place.json('mkdir', '-p', '/files/x');
  await place.json('upload', 'sent.txt', '--to', '/files/x', '--name', 'inner.txt');
  await place.json('rm', '/files/unused');
  await using proxy = await startFaultProxy(place.server, ({ path }) =>
    path.endsWith('/content')
      ? { answer: { status: 404, json: { type: 'error', status: 404, code: 'not_found' } } }
      : undefined,
  );
  const args = ['sync', 'files', '--from', '/files', '--delete'];
  assert.notEqual((await place.run([...args, '--server', proxy.url])).code, 0);
  assert.deepEqual(await readdir(local), ['x']);
  assert.equal(await readFile(place.at('files', 'x'), 'utf8'), 'local');
  const done = await place.run(args);
  assert.equal(done.code, 0, done.stderr);
  assert.equal(await readFile(place.at('files', 'x', 'inner.txt'), 'utf8'), 'from the server');
});

test('what a failed sync has put aside is not deleted, sent or missed by later ones', async () => {
  const { local, remote } = await prepare('aside', 'a.txt', '.partway-replaced-1.part/kept.txt');
  for (const direction of ['--from', '--to']) {
    const ended = await place.run(['sync', 'aside', direction, remote, '--delete', '--max-delete', '0']);
    assert.equal(ended.code, 0, ended.stderr);
  }
  assert.deepEqual((await readdir(local)).toSorted(), ['.partway-replaced-1.part', 'a.txt']);
  assert.equal(await readFile(place.at('aside', '.partway-replaced-1.part', 'kept.txt'), 'utf8'), 'local');
  assert.deepEqual(
    (await place.json('ls', '-R', remote)).map(({ path }) => path),
    ['a.txt'],
  );
});

test('a local file that changes during a sync is not deleted', async () => {
  const { remote } = await prepare('busy', 'new.txt', 'extra.txt');
  const write = () => writeFile(place.at('busy', 'extra.txt'), 'saved');
  await using proxy = await startFaultProxy(place.server, ({ path }) =>
    path.endsWith('/content') ? { before: write } : undefined,
  );
  const ended = await place.run(['sync', 'busy', '--from', remote, '--delete', '--server', proxy.url]);
  assert.equal(ended.code, 1, ended.stdout);
  assert.match(ended.stderr, /extra\.txt.* was changed during the sync, and was kept\./s);
  assert.equal(await readFile(place.at('busy', 'extra.txt'), 'utf8'), 'saved');
});

test('with conflicts, nothing would be deleted, so --max-delete stops nothing', async () => {
  const { remote } = await prepare('limit', 'new.txt', 'extra.txt');
  await place.json('mkdir', '-p', '/limit/kind');
  await symlink('extra.txt', place.at('limit', 'kind'));
  const ended = await place.run(['sync', 'limit', '--from', remote, '--delete', '--max-delete', '0']);
  assert.equal(ended.code, 6, ended.stderr);
  assert.equal(await readFile(place.at('limit', 'new.txt'), 'utf8'), 'from the server');
});
