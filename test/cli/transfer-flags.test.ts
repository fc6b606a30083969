import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { createFile } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines } from './run.ts';
import { noTerminal, startOnTerminal } from './terminal.ts';

const FILES = ['a.jpg', 'b.txt', 'trips/c.jpg', 'trips/raw/d.raw', 'trips/raw/e.txt'];

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
  for (const path of FILES) {
    await mkdir(dirname(place.at('photos', path)), { recursive: true });
    await writeFile(place.at('photos', path), path);
  }
});
after(() => place[Symbol.asyncDispose]());

const newFolder = async (name: string) => String((await place.json('mkdir', `/${name}`))[0]?.id);

test('--include and --exclude select files of folders, in their order, for uploads and downloads', async () => {
  await place.json('upload', '-r', 'photos', '--to', await newFolder('all'));
  const cases: [string[], string[]][] = [
    [
      ['--include', '*.jpg'],
      ['a.jpg', 'trips', 'trips/c.jpg'],
    ],
    [
      ['--exclude', 'raw/', '--exclude', 'b.*'],
      ['a.jpg', 'trips', 'trips/c.jpg'],
    ],
    [
      ['--include', 'e.txt', '--exclude', '*.txt', '--include', '/trips/**'],
      ['trips', 'trips/c.jpg', 'trips/raw', 'trips/raw/d.raw', 'trips/raw/e.txt'],
    ],
  ];
  for (const [index, [flags, expected]] of cases.entries()) {
    await place.json('download', '-r', '/all/photos', '--to', `down${index}`, ...flags);
    assert.deepEqual((await readdir(place.at(`down${index}`, 'photos'), { recursive: true })).toSorted(), expected);
    await place.json('upload', '-r', 'photos', '--to', await newFolder(`up${index}`), ...flags);
    await place.json('download', '-r', `/up${index}/photos`, '--to', `again${index}`);
    assert.deepEqual((await readdir(place.at(`again${index}`, 'photos'), { recursive: true })).toSorted(), expected);
  }
});

test('a filter that is not valid, a rate that is too low and other wrong values are refused', async () => {
  for (const [flags, message] of [
    [['--include', '[a'], /The pattern \[a is not valid: \[ has no counterpart\./],
    [['--bwlimit', '1KiB'], /at least 10KiB/],
    [['--bwlimit', 'fast'], /at least 10KiB/],
    [['--files-parallel', '0'], /whole number from 1 to 64/],
    [['--quiet', '--verbose'], /either --quiet or --verbose/],
  ] as const) {
    const ended = await place.run(['upload', '-r', 'photos', ...flags]);
    assert.equal(ended.code, 2, flags.join(' '));
    assert.match(ended.stderr, message);
  }
});

test('--files-parallel decides how many small files are sent at once', async () => {
  for (const [parallel, flags] of [
    [1, ['--files-parallel', '1']],
    [5, ['--files-parallel', '8']],
    [4, []],
  ] as const) {
    let max = 0;
    const sending = new Set<unknown>();
    await using proxy = await startFaultProxy(place.server, (seen) => {
      if (seen.method !== 'POST' || !seen.path.endsWith('/content')) return undefined;
      for (const other of sending) if ((other as { status?: number }).status !== undefined) sending.delete(other);
      sending.add(seen);
      max = Math.max(max, sending.size);
      return { delay: 200 };
    });
    const to = await newFolder(`parallel ${parallel}`);
    const ended = await place.run(['upload', '-r', 'photos', '--to', to, ...flags], {
      env: { PARTWAY_SERVER: proxy.url },
    });
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(max, parallel);
  }
});

test('--bwlimit limits uploads and downloads, and changes no bytes', async () => {
  const size = 300_000;
  await createFile(place.at('limited.bin'), size, 'bwlimit');
  for (const args of [
    ['upload', 'limited.bin'],
    ['download', '/limited.bin', '--to', 'copy.bin'],
  ]) {
    const startedAt = performance.now();
    const ended = await place.run([...args, '--bwlimit', '200KiB']);
    assert.equal(ended.code, 0, ended.stderr);
    // A lower bound holds on a machine of any speed.
    assert.ok(performance.now() - startedAt > (size / (200 * 1024) - 0.1) * 1000);
  }
  assert.equal((await place.run(['download', '/limited.bin', '--to', 'limited.bin'])).code, 0);
});

test('--quiet prints only errors; --verbose adds hashes, IDs and skipped files, which are a number otherwise', async () => {
  const upload = (...args: string[]) => place.run(['upload', '-r', 'photos', '--to', '/levels', ...args]);
  await newFolder('levels');
  const quiet = await upload('--quiet');
  assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, '', '']);
  const normal = await upload();
  assert.match(normal.stdout, /^0 uploaded, 0 B in \S+; 5 skipped as identical\.\n$/);
  const verbose = await upload('--verbose');
  assert.match(verbose.stdout, /^photos\/a\.jpg: skipped, identical file exists \(ID \d+\)$/m);
  await writeFile(place.at('photos', 'a.jpg'), 'changed');
  const conflict = await upload('-q');
  assert.deepEqual([conflict.code, conflict.stdout], [6, '']);
  assert.match(conflict.stderr, /^photos\/a\.jpg: The name is taken/);
  const changed = await upload('-v', '--conflict', 'version');
  assert.match(changed.stdout, /^photos\/a\.jpg: file \d+, 7 B in \d+:\d\d( \(.*\))?, SHA-1 [0-9a-f]{40}$/m);
});

test('--verbose prints each retry, otherwise an outage is reported once', async () => {
  await writeFile(place.at('retried.txt'), 'retried');
  for (const [flags, lines] of [
    [[], 1],
    [['--verbose'], 3],
  ] as const) {
    await using proxy = await startFaultProxy(place.server, ({ method, path, before }) =>
      method === 'POST' && path.endsWith('/content') && before < 3 ? { answer: { status: 503 } } : undefined,
    );
    const args = ['upload', 'retried.txt', '--conflict', 'rename', '--name', `retried ${lines}.txt`, ...flags];
    const ended = await place.run(args, { env: { PARTWAY_SERVER: proxy.url } });
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal((ended.stdout.match(/Retrying in/g) ?? []).length, lines, ended.stdout);
  }
});

test('the label is the name on the server; JSON has the path as it was given', async () => {
  const named = await place.run(['upload', 'photos/b.txt', '--name', 'other name.txt']);
  assert.match(named.stdout, /^other name\.txt: 5 B in \d+:\d\d/);
  const events = jsonLines((await place.run(['upload', 'photos/b.txt', '--name', 'third.txt', '--json'])).stdout);
  const done = events.find(({ event }) => event === 'done');
  assert.equal(done?.path, 'photos/b.txt');
  assert.match(String(done?.message), /^file \d+, .*SHA-1 [0-9a-f]{40}$/);
  const { id } = (done?.file ?? {}) as { id: string };
  const byId = await place.run(['download', id]);
  assert.match(byId.stdout, /^third\.txt: 5 B in \d+:\d\d/);
  assert.ok(existsSync(place.at('third.txt')));
});

test('a dumb terminal gets plain lines without escape sequences', { skip: noTerminal }, async () => {
  const command = startOnTerminal(['upload', 'photos/b.txt', '--name', 'dumb.txt'], {
    env: { ...place.env, TERM: 'dumb' },
    cwd: place.folder,
  });
  assert.equal((await command.ended).code, 0, command.output());
  assert.ok(!command.output().includes('\u001b'), command.output());
  assert.match(command.output(), /^dumb\.txt: 5 B in \d+:\d\d/);
});
