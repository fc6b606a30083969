import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFile } from '../../support/bytes.ts';
import { startServer } from '../../support/server.ts';
import { installed, labSuite } from '../lab-suite.ts';
import { startConnectProxy } from './connect-proxy.ts';
import { setUpRclone } from './rclone.ts';

const HOSTS = ['api.box.com:443', 'upload.box.com:443'];
const MB = 1_000_000;

labSuite('rclone, over TLS through a CONNECT proxy', [installed('rclone')], async (t) => {
  await using server = await startServer({ tls: true });
  await using proxy = await startConnectProxy(Number(new URL(server.url).port), HOSTS);
  const rclone = await setUpRclone(server, proxy);
  const source = join(server.dataFolder, '..', 'tree');
  const listed = async (path: string) => (await rclone('lsf', '--recursive', path)).stdout.trim().split('\n').sort();

  await mkdir(join(source, 'big', 'bigger'), { recursive: true });
  await writeFile(join(source, 'empty.bin'), '');
  await writeFile(join(source, 'one.bin'), '1');
  await writeFile(join(source, 'big', 'a name with ünicode, and spaces.txt'), 'text\n');
  await createFile(join(source, 'big', 'sixty.bin'), 60 * MB, 'rclone 60');
  await createFile(join(source, 'big', 'bigger', 'three-hundred.bin'), 300 * MB, 'rclone 300');

  await t.test('copy uploads a tree with files of 0 B, 1 B, 60 MB and 300 MB', async () => {
    const { stats } = await rclone('copy', source, 'box:backup');

    assert.equal(stats?.transfers, 5);
    assert.equal(stats?.errors, 0);
    assert.deepEqual(await listed('box:backup'), [
      'big/',
      'big/a name with ünicode, and spaces.txt',
      'big/bigger/',
      'big/bigger/three-hundred.bin',
      'big/sixty.bin',
      'empty.bin',
      'one.bin',
    ]);
  });

  await t.test('check finds every file with its SHA-1 and its bytes', async () => {
    await rclone('check', source, 'box:backup');
    await rclone('check', '--download', source, 'box:backup');
  });

  await t.test('a second sync transfers nothing', async () => {
    const { stats } = await rclone('sync', source, 'box:backup');

    assert.equal(stats?.transfers, 0);
    assert.equal(stats?.bytes, 0);
    assert.equal(stats?.checks, 5);
  });

  await t.test('a changed file becomes a new version, also a large one', async () => {
    await writeFile(join(source, 'one.bin'), 'two bytes and more');
    await createFile(join(source, 'big', 'sixty.bin'), 61 * MB, 'rclone 61');

    const { stats } = await rclone('sync', source, 'box:backup');

    assert.equal(stats?.transfers, 2);
    await rclone('check', source, 'box:backup');
  });

  await t.test('a file and a folder are moved without transferring their bytes', async () => {
    const before = proxy.carried;

    await rclone('moveto', 'box:backup/one.bin', 'box:moved/two.bin');
    await rclone('moveto', 'box:backup/big', 'box:moved/large');

    assert.ok(proxy.carried - before < MB);
    assert.deepEqual(await listed('box:moved'), [
      'large/',
      'large/a name with ünicode, and spaces.txt',
      'large/bigger/',
      'large/bigger/three-hundred.bin',
      'large/sixty.bin',
      'two.bin',
    ]);
    await rclone('check', join(source, 'big'), 'box:moved/large');
  });

  await t.test('a copy within Box is made on the server', async () => {
    const before = proxy.carried;

    await rclone('copyto', 'box:moved/large/sixty.bin', 'box:copied/sixty.bin');

    assert.ok(proxy.carried - before < MB);
    await rclone('check', '--one-way', 'box:copied', 'box:moved/large');
  });

  await t.test('sync deletes what is no longer at the source, and delete, rmdir and purge leave nothing', async () => {
    await rm(join(source, 'big', 'bigger'), { recursive: true });
    await rclone('sync', join(source, 'big'), 'box:moved/large');
    assert.deepEqual(await listed('box:moved/large'), ['a name with ünicode, and spaces.txt', 'sixty.bin']);

    await rclone('deletefile', 'box:backup/empty.bin');
    await rclone('rmdir', 'box:backup');
    await rclone('delete', 'box:copied');
    await rclone('rmdirs', 'box:copied');
    await rclone('purge', 'box:moved');

    assert.deepEqual(await listed('box:'), ['']);
  });

  await t.test('cleanup empties the trash, and a file can then be uploaded under its old name', async () => {
    await rclone('cleanup', 'box:');
    await rclone('copyto', join(source, 'one.bin'), 'box:backup/one.bin');

    assert.deepEqual(await listed('box:'), ['backup/', 'backup/one.bin']);
  });

  await t.test("about shows the user's space", async () => {
    const about = JSON.parse((await rclone('about', '--json', 'box:')).stdout) as { used: number; total: number };

    assert.ok(about.total > 0);
    assert.ok(about.used >= 0);
  });

  await t.test("rclone connected only to Box's own hosts", () => {
    assert.deepEqual(proxy.strangers, []);
  });
});
