import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { parseServerAddress } from '../../packages/cli/src/profiles/address.ts';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
  await writeFile(place.at('a.bin'), 'a');
  await mkdir(place.at('folder'));
});
after(() => place[Symbol.asyncDispose]());

test('a last path that looks like a folder on the server is refused before anything is sent, with the right option', async () => {
  await using proxy = await startFaultProxy(place.server);
  const ended = await place.run(['upload', 'a.bin', '/big'], { env: { PARTWAY_SERVER: proxy.url } });
  assert.equal(ended.code, 2);
  assert.equal(ended.stderr, 'There is no local /big. For a folder on the server, write: --to /big\n');
  assert.equal(ended.stdout, '');
  assert.deepEqual(proxy.seen, []);
  // A single path, or an existing one, is meant as it is written.
  assert.match((await place.run(['upload', '/big'])).stderr, /^\/big does not exist\.$/m);
  assert.equal((await place.run(['upload', 'a.bin', place.at('folder'), '-r'])).code, 0);
});

test('an error of a local path names it once and is all that is printed', async () => {
  const cases: [string[], number, string][] = [
    [['nope.bin'], 5, 'nope.bin does not exist.\n'],
    [['./nope.bin'], 5, './nope.bin does not exist.\n'],
    [['a.bin/inner'], 5, 'a.bin/inner does not exist: part of its path is a file, not a folder.\n'],
    [['folder'], 2, 'folder: This is a folder. Use --recursive to upload it.\n'],
    [['/dev/null'], 2, '/dev/null: This is neither a file nor a folder.\n'],
  ];
  for (const [paths, code, stderr] of cases) {
    const ended = await place.run(['upload', ...paths]);
    assert.deepEqual([ended.code, ended.stderr, ended.stdout], [code, stderr, '']);
  }
});

test('an unreadable file is named once', { skip: process.getuid?.() === 0 && 'root can read all files' }, async () => {
  await writeFile(place.at('secret.bin'), 'x');
  await chmod(place.at('secret.bin'), 0);
  const { stderr } = await place.run(['upload', 'secret.bin']);
  assert.equal(stderr.split('secret.bin').length, 2, stderr);
});

test('an address without a scheme means http on this machine and https elsewhere', () => {
  for (const [text, address] of [
    ['127.0.0.1:4400', 'http://127.0.0.1:4400'],
    ['localhost:4400', 'http://localhost:4400'],
    ['[::1]:4400', 'http://[::1]:4400'],
    ['127.8.9.1', 'http://127.8.9.1'],
    ['files.example.com', 'https://files.example.com'],
    ['localhost.example.com:4400', 'https://localhost.example.com:4400'],
    ['10.0.0.1:4400', 'https://10.0.0.1:4400'],
    ['https://127.0.0.1:4400', 'https://127.0.0.1:4400'],
  ] as const) {
    assert.equal(parseServerAddress(text), address);
  }
});

test('--server accepts a local address without a scheme', async () => {
  const { host } = new URL(place.server.url);
  const ended = await place.run(['upload', 'a.bin', '--server', host]);
  assert.equal(ended.code, 0, ended.stderr);
});
