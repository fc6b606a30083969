import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { type SeenRequest, startFaultProxy } from '../client/fault-proxy.ts';
import { createFile } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { killedUpload } from './kill-upload.ts';
import { jsonLines, uploadedFile } from './run.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture({ env: { PARTWAY_PART_SIZE: '1MiB' } });
});
after(() => place[Symbol.asyncDispose]());

/** Uploads with `--conflict rename`, and returns the events and the counts. */
async function uploadRenamed(...args: string[]) {
  const events = await place.json('upload', ...args, '--conflict', 'rename');
  const { files, present, failed } = events.at(-1) ?? {};
  return { events, counts: { files, present, failed } };
}

/** SHA-1 and name of the files in a folder on the server, by name. */
async function filesOf(folder: string): Promise<string[]> {
  const listed = await place.json('ls', folder);
  return listed.filter(({ type }) => type === 'file').map(({ name, sha1 }) => `${sha1} ${name}`);
}

test('a file that an earlier run renamed is found under its new name and not sent again', async () => {
  await writeFile(place.at('report.txt'), 'theirs');
  await place.json('mkdir', '/once');
  await place.json('upload', 'report.txt', '--to', '/once');
  await writeFile(place.at('report.txt'), 'mine');
  const first = await uploadRenamed('report.txt', '--to', '/once');
  assert.equal(uploadedFile(first.events).name, 'report (1).txt');
  const again = await uploadRenamed('report.txt', '--to', '/once');
  assert.deepEqual(again.counts, { files: 0, present: 1, failed: 0 });
  assert.equal(uploadedFile(again.events).id, uploadedFile(first.events).id);
  const plain = await place.run(['upload', 'report.txt', '--to', '/once', '--conflict', 'rename']);
  assert.equal(
    plain.stdout,
    `report.txt: skipped, identical file exists (report (1).txt, ID ${uploadedFile(first.events).id})\n`,
  );
  await writeFile(place.at('report.txt'), 'more');
  assert.equal(uploadedFile((await uploadRenamed('report.txt', '--to', '/once')).events).name, 'report (2).txt');
  await writeFile(place.at('report.txt'), 'mine');
  assert.deepEqual((await uploadRenamed('report.txt', '--to', '/once')).counts, { files: 0, present: 1, failed: 0 });
  assert.equal((await filesOf('/once')).length, 3);
});

test('identical files with colliding names are each uploaded once', async () => {
  for (const folder of ['x', 'y', 'z']) {
    await mkdir(place.at(folder));
    await writeFile(place.at(folder, 'same.txt'), 'same');
    await writeFile(place.at(folder, 'Same (1).txt'), 'same');
  }
  await place.json('mkdir', '/meet');
  const names = ['x', 'y', 'z'].flatMap((folder) => [`${folder}/same.txt`, `${folder}/Same (1).txt`]);
  assert.deepEqual((await uploadRenamed(...names, '--to', '/meet')).counts, { files: 6, present: 0, failed: 0 });
  const there = await filesOf('/meet');
  assert.equal(there.length, 6, there.join());
  assert.deepEqual((await uploadRenamed(...names, '--to', '/meet')).counts, { files: 0, present: 6, failed: 0 });
  assert.deepEqual(await filesOf('/meet'), there);
});

test('a folder upload with rename that is killed at any point uploads each file once', async () => {
  const small = ['a1.txt', 'a2.txt', 'a3.txt', 'z1.txt', 'z2.txt'];
  await mkdir(place.at('tree'));
  for (const name of [...small, 'big.bin']) await writeFile(place.at('tree', name), `theirs ${name}`);
  await place.json('upload', '-r', 'tree');
  const theirs = await filesOf('/tree');
  for (const name of small) await writeFile(place.at('tree', name), `mine ${name}`);
  const sha1 = await createFile(place.at('tree', 'big.bin'), 22 * 1024 * 1024, 'cli rename');

  const isPart = ({ method, path }: SeenRequest) => method === 'PUT' && path.includes('/upload_sessions/');
  const isSmall = ({ method, path }: SeenRequest) => method === 'POST' && path === '/files/content';
  const isCommit = ({ path }: SeenRequest) => path.endsWith('/commit');
  // The response is lost too, so that the server may have something that the client does not know of.
  let kill: { isIt: (request: SeenRequest) => boolean; left: number; child?: ChildProcess } | undefined;
  await using proxy = await startFaultProxy(place.server, (request) => {
    if (kill === undefined || !kill.isIt(request)) return undefined;
    kill.left -= 1;
    if (kill.left > 0) return undefined;
    kill.child?.kill('SIGKILL');
    return { loseResponse: true };
  });
  const env = { PARTWAY_SERVER: proxy.url };
  for (const [isIt, left] of [
    [isSmall, 2],
    [isPart, 9],
    [isCommit, 1],
    [isSmall, 1],
  ] as const) {
    kill = { isIt, left };
    const running = place.start(['upload', '-r', 'tree', '--conflict', 'rename'], { env });
    kill.child = running.child;
    assert.equal((await running.ended).signal, 'SIGKILL');
  }
  kill = undefined;
  const last = await place.run(['upload', '-r', 'tree', '--conflict', 'rename'], { env });
  assert.equal(last.code, 0, last.stderr);
  assert.deepEqual(await place.json('sessions', 'list'), []);
  const mine = (await filesOf('/tree')).filter((file) => !theirs.includes(file));
  assert.equal(mine.length, small.length + 1, mine.join('\n'));
  assert.deepEqual(mine.map((file) => file.slice(41)).toSorted(), [
    ...['a1 (1).txt', 'a2 (1).txt', 'a3 (1).txt', 'big (1).bin', 'z1 (1).txt', 'z2 (1).txt'],
  ]);
  assert.ok(mine.includes(`${sha1} big (1).bin`));
  assert.deepEqual((await uploadRenamed('-r', 'tree')).counts, { files: 0, present: 6, failed: 0 });
  assert.equal((await filesOf('/tree')).length, 2 * theirs.length);
});

test('an interrupted upload under a new name resumes instead of starting another one', async () => {
  await writeFile(place.at('large.bin'), 'theirs');
  await place.json('upload', 'large.bin');
  await createFile(place.at('large.bin'), 22 * 1024 * 1024, 'cli rename on');
  await using killed = await killedUpload(place, ['upload', 'large.bin', '--conflict', 'rename', '--json']);
  const again = await killed.again();
  assert.equal(again.code, 0, again.stderr);
  const events = jsonLines(again.stdout);
  assert.ok(Number(events.find(({ event }) => event === 'resumed')?.bytes) > 0, again.stdout);
  assert.equal(uploadedFile(events).name, 'large (1).bin');
  assert.deepEqual(await place.json('sessions', 'list'), []);
});
