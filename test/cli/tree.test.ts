import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { explain } from '../../packages/cli/src/errors/explain.ts';
import { TransportError } from '../../packages/client/src/node/index.ts';
import { Api } from '../support/api.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { PARTWAY } from './run.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
});
after(() => place[Symbol.asyncDispose]());

test('folders are created, listed and moved to the trash by path, regardless of case', async () => {
  const [b] = await place.json('mkdir', '-p', '/tree/B');
  assert.equal((await place.run(['mkdir', '/tree/b'])).code, 6);
  const [again] = await place.json('mkdir', '--parents', 'TREE/b');
  assert.deepEqual([again?.id, again?.name, again?.path], [b?.id, 'B', '/TREE/b']);
  await place.json('mkdir', 'tree/c', `/tree/b/d`);
  const listed = await place.json('ls', '/Tree');
  assert.deepEqual(
    listed.map(({ type, name }) => `${type} ${name}`),
    ['folder B', 'folder c'],
  );
  assert.match((await place.run(['ls', '-lh', '/tree'])).stdout, new RegExp(`^${b?.id} +0 B  [0-9: -]{16}  B/$`, 'm'));

  const full = await place.run(['rm', '/tree/B']);
  assert.equal(full.code, 6);
  assert.match(full.stderr, /Use --recursive to move it to the trash/);
  await place.json('rm', '-r', '/tree/B', String(listed[1]?.id));
  assert.deepEqual(await place.json('ls', '/tree'), []);
});

test('an argument of digits only is an ID; with a slash it is a path', async () => {
  const [folder] = await place.json('mkdir', '/2026');
  assert.deepEqual(await place.json('ls', String(folder?.id)), []);
  assert.deepEqual(await place.json('ls', '/2026'), []);
  const unknown = await place.run(['ls', '2026']);
  assert.equal(unknown.code, 5);
  const message = /There is no file or folder with the ID 2026\. For a file or folder with this name, use \/2026\./;
  assert.match(unknown.stderr, message);
});

test('a path that does not exist or has another type is reported as such', async () => {
  await new Api(place.server).post(
    '/files/content',
    '--cut\r\ncontent-disposition: form-data; name="attributes"\r\n\r\n{"name":"note.txt","parent":{"id":"0"}}\r\n' +
      '--cut\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--cut--\r\n',
    { 'content-type': 'multipart/form-data; boundary=cut' },
  );
  const missing = await place.run(['ls', '/nowhere/at/all']);
  assert.equal(missing.code, 5);
  assert.match(missing.stderr, /There is no \/nowhere on the server\. List its parent folder with: partway ls \//);
  assert.equal((await place.run(['ls', '/note.txt'])).stdout, '/note.txt\n');
  assert.match((await place.run(['ls', '/note.txt/x'])).stderr, /^\/note\.txt is a file, not a folder\.$/m);
  assert.equal((await place.run(['rm', '/'])).code, 2);
  assert.equal((await place.run(['mkdir', '/'])).code, 2);
});

test('if a folder does not exist, the message has a command that creates it', async () => {
  const cases = [
    { path: 'some/path', shown: '/some/path' },
    { path: '/it is/a "new" one’s', shown: `'/it is/a "new" one’s'` },
    { path: "/it's/$HOME", shown: `'/it'\\''s/$HOME'` },
  ];
  await writeFile(place.at('note.txt'), 'note');
  for (const { path, shown } of cases) {
    const uploaded = await place.run(['upload', 'note.txt', '--to', path, '--server', place.server.url]);
    assert.equal(uploaded.code, 5);
    const suggested = `partway mkdir -p ${shown} --server ${place.server.url}`;
    assert.ok(uploaded.stderr.endsWith(` on the server. Create it first: ${suggested}\n`), uploaded.stderr);
    const made = await place.run(['mkdir', path]);
    assert.ok(made.stderr.endsWith(`Create it too with -p: partway mkdir -p ${shown}\n`), made.stderr);
    const command = `"${process.execPath}" "${PARTWAY}" ${suggested.slice('partway '.length)}`;
    await promisify(execFile)('bash', ['-c', command], { env: { PATH: process.env.PATH ?? '', ...place.env } });
    assert.equal((await place.run(['upload', 'note.txt', '--to', path])).code, 0);
  }
});

test('mkdir accepts an existing folder with -p and rejects it without', async () => {
  await place.json('mkdir', '/there');
  const refused = await place.run(['mkdir', '/There']);
  assert.equal(refused.code, 6);
  assert.equal(refused.stderr, '/There already exists. Use -p to accept existing folders.\n');
});

test('an unknown upload session is reported, with the command that lists sessions', async () => {
  for (const id of ['no-id', '0'.repeat(32)]) {
    for (const act of ['show', 'abort']) {
      const ended = await place.run(['sessions', act, id]);
      assert.equal(ended.code, 5);
      assert.match(ended.stderr, /List uploads in progress with partway sessions list\.$/m);
    }
  }
});

test('an unreachable server is reported, with a remedy', async () => {
  const refused = await place.run(['ls'], { env: { PARTWAY_SERVER: 'http://127.0.0.1:1' } });
  assert.equal(refused.code, 7);
  assert.match(refused.stderr, /ECONNREFUSED.* Start the server \(partway serve\), or check the port.* partway doctor/);
  const unknown = explain(new TransportError('The connection to box failed: …', { code: 'ENOTFOUND' }));
  assert.match(
    unknown.message,
    /Check the address for typos, and this machine’s DNS\. For details, run partway doctor/,
  );
});

test('a folder of more than one page is listed completely', async () => {
  const api = new Api(place.server);
  const parent = (await api.post('/folders', { name: 'many', parent: { id: '0' } })).json;
  const names = Array.from({ length: 1001 }, (_, n) => `n${String(n).padStart(4, '0')}`);
  for (const name of names) await api.post('/folders', { name, parent: { id: parent.id } });
  assert.deepEqual(
    (await place.json('ls', '/many')).map(({ name }) => name),
    names,
  );
});

test('a command whose output is closed ends without a message', async () => {
  const command = `"${process.execPath}" "${PARTWAY}" ls / | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], {
    env: { PATH: process.env.PATH ?? '', ...place.env },
  });
  assert.equal(stderr, '');
  assert.equal(stdout, '141\n');
});
