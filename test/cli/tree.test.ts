import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Api } from '../support/api.ts';
import { openPlace, type Place } from './place.ts';
import { PARTWAY } from './run.ts';

let place: Place;
before(async () => {
  place = await openPlace();
});
after(() => place[Symbol.asyncDispose]());

test('folders are made, listed and moved to the trash by their paths, whatever the case', async () => {
  const [b] = await place.json('mkdir', '-p', '/tree/B');
  assert.equal((await place.run(['mkdir', '/tree/b'])).code, 6);
  assert.deepEqual(await place.json('mkdir', '--parents', 'TREE/b'), [{ ...b, name: 'B' }]);
  await place.json('mkdir', 'tree/c', `/tree/b/d`);
  const listed = await place.json('ls', '/Tree');
  assert.deepEqual(
    listed.map(({ type, name }) => `${type} ${name}`),
    ['folder B', 'folder c'],
  );
  assert.match((await place.run(['ls', '/tree'])).stdout, new RegExp(`^${b?.id} +0 B  [0-9: -]{16}  B/$`, 'm'));

  const full = await place.run(['rm', '/tree/B']);
  assert.equal(full.code, 6);
  assert.match(full.stderr, /With --recursive it goes to the trash/);
  await place.json('rm', '-r', '/tree/B', String(listed[1]?.id));
  assert.deepEqual(await place.json('ls', '/tree'), []);
});

test('what is named by digits alone is an id, and a name of digits is a path with a slash', async () => {
  const [folder] = await place.json('mkdir', '/2026');
  assert.deepEqual(await place.json('ls', String(folder?.id)), []);
  assert.deepEqual(await place.json('ls', '/2026'), []);
  const unknown = await place.run(['ls', '2026']);
  assert.equal(unknown.code, 5);
  assert.match(unknown.stderr, /There is no folder with the id 2026\. A folder that is named so is \/2026\./);
});

test('a path that is not there, or is something else, is said to be so', async () => {
  await new Api(place.server).post(
    '/files/content',
    '--cut\r\ncontent-disposition: form-data; name="attributes"\r\n\r\n{"name":"note.txt","parent":{"id":"0"}}\r\n' +
      '--cut\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--cut--\r\n',
    { 'content-type': 'multipart/form-data; boundary=cut' },
  );
  const missing = await place.run(['ls', '/nowhere/at/all']);
  assert.equal(missing.code, 5);
  assert.match(missing.stderr, /There is no \/nowhere on the server\. partway ls \/ shows what there is\./);
  const file = await place.run(['ls', '/note.txt']);
  assert.equal(file.code, 5);
  assert.equal((await place.run(['rm', '/'])).code, 2);
  assert.equal((await place.run(['mkdir', '/'])).code, 2);
});

test('a folder of more than a page is listed whole', async () => {
  const api = new Api(place.server);
  const parent = (await api.post('/folders', { name: 'many', parent: { id: '0' } })).json;
  const names = Array.from({ length: 1001 }, (_, n) => `n${String(n).padStart(4, '0')}`);
  for (const name of names) await api.post('/folders', { name, parent: { id: parent.id } });
  assert.deepEqual(
    (await place.json('ls', '/many')).map(({ name }) => name),
    names,
  );
});

test('a command that nobody listens to any more ends without a word', async () => {
  const command = `"${process.execPath}" "${PARTWAY}" ls / | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], {
    env: { PATH: process.env.PATH ?? '', ...place.env },
  });
  assert.equal(stderr, '');
  assert.equal(stdout, '141\n');
});
