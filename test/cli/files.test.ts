import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createClient, type NodeClient } from '../../packages/client/src/node/index.ts';
import { startFaultProxy } from '../client/fault-proxy.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { runForBytes } from './run.ts';

const BIG = seededBytes(300_000, 'big');

let place: CliFixture;
let client: NodeClient;
before(async () => {
  // Downloads come from the server itself, so that a proxy in front of it sees them.
  place = await openCliFixture({ env: { PARTWAY_DOWNLOADS: 'direct' } });
  client = createClient({ server: place.server.url, token: place.server.token, store: false });
});
after(async () => {
  client.close();
  await place[Symbol.asyncDispose]();
});

/** The ID of the folder that the current test works in, and its path. */
let home: { id: string; path: string };
let count = 0;
beforeEach(async () => {
  count += 1;
  const { id } = await client.folders.createFolder({ name: `test-${count}`, parent: { id: '0' } });
  home = { id, path: `/test-${count}` };
});

async function createFolder(name: string, parent = home.id): Promise<string> {
  return (await client.folders.createFolder({ name, parent: { id: parent } })).id;
}

async function upload(name: string, bytes: Uint8Array | string = name, folderId = home.id): Promise<string> {
  const { file } = await client.uploadFile(Buffer.from(bytes), { name, folderId, conflict: 'version' });
  return file.id;
}

/** Runs a command that must succeed, and returns the lines of its output. */
async function lines(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await place.run(args);
  assert.equal(code, 0, `partway ${args.join(' ')}: ${stderr}`);
  return stdout.split('\n').slice(0, -1);
}

async function tree(path = home.path): Promise<string[]> {
  return lines('ls', '-R', path);
}

describe('ls', () => {
  test('prints names; -l adds ID, size in bytes and date; -h scales the size', async () => {
    await createFolder('folder');
    const id = await upload('big.bin', BIG);
    assert.deepEqual(await lines('ls', home.path), ['folder/', 'big.bin']);
    const [, long] = await lines('ls', '-l', home.path);
    assert.match(long ?? '', new RegExp(`^ *${id} +300000 {2}20\\d\\d-\\d\\d-\\d\\d \\d\\d:\\d\\d {2}big\\.bin$`));
    const [, scaled] = await lines('ls', '-lh', home.path);
    assert.match(scaled ?? '', / 293 KiB {2}/);
  });

  test('a file, several folders and a glob show paths', async () => {
    const inner = await createFolder('inner');
    await upload('a.txt', 'a', inner);
    await upload('b.txt');
    assert.deepEqual(await lines('ls', `${home.path}/b.txt`), [`${home.path}/b.txt`]);
    assert.deepEqual(await lines('ls', `${home.path}/inner`, `${home.path}/B.TXT`), [
      `${home.path}/inner/a.txt`,
      `${home.path}/B.TXT`,
    ]);
    assert.deepEqual(await lines('ls', `${home.path}/i*`), [`${home.path}/inner/a.txt`]);
  });

  test('-R prints the path below the folder, and --json also the sizes', async () => {
    const inner = await createFolder('inner');
    await upload('a.txt', 'abc', inner);
    assert.deepEqual(await tree(), ['inner/', 'inner/a.txt']);
    const [folder, file] = await place.json('ls', '-R', home.path);
    assert.deepEqual([folder?.path, folder?.size, file?.path, file?.size], ['inner', 3, 'inner/a.txt', 3]);
    assert.equal(file?.sha1, sha1Hex(Buffer.from('abc')));
  });

  test('-h is not help, and --help is', async () => {
    assert.deepEqual(await lines('ls', '-h', home.path), []);
    assert.match((await lines('ls', '--help')).join('\n'), /Usage: partway ls/);
  });
});

describe('globs', () => {
  test('match names without case, within one folder, or at any depth with **', async () => {
    const inner = await createFolder('inner');
    const deep = await createFolder('deep', inner);
    await upload('One.JPG');
    await upload('two.txt');
    await upload('.hidden.jpg');
    await upload('three.jpg', 'three', deep);
    const at = (...names: string[]) => names.map((name) => `${home.path}/${name}`);
    assert.deepEqual(await lines('ls', `${home.path}/*.jpg`), at('One.JPG'));
    assert.deepEqual(await lines('ls', `${home.path}/**/*.jpg`), at('One.JPG', 'inner/deep/three.jpg'));
    assert.deepEqual(await lines('ls', `${home.path}/**`), at('inner/deep/three.jpg', 'One.JPG', 'two.txt'));
    assert.deepEqual(await lines('ls', `${home.path}/{one,two}.*`), at('One.JPG', 'two.txt'));
    assert.deepEqual(await lines('ls', `${home.path}/[a-n]*/[!x]*/*`), at('inner/deep/three.jpg'));
    assert.deepEqual(await lines('ls', `${home.path}/t?o.txt`), at('two.txt'));
    assert.deepEqual(await lines('ls', `${home.path}/.h*`), at('.hidden.jpg'));
  });

  test('an item that several parts of a pattern match is found once, also with ** twice', async () => {
    const inner = await createFolder('inner');
    await upload('a.txt', 'a', inner);
    for (const pattern of ['**/**/a.txt', '**/inner/**/a.txt', '**/**', '{inner,i*}/a.txt']) {
      assert.deepEqual(await lines('ls', `${home.path}/${pattern}`), [`${home.path}/inner/a.txt`], pattern);
    }
  });

  test('cp, mv and rm take the contents of a folder along, and do not touch them a second time', async () => {
    const inner = await createFolder('inner');
    await upload('a.txt', 'a', await createFolder('deep', inner));
    const target = await createFolder(`target-${count}`, '0');
    await lines('cp', '-r', `${home.path}/**/*`, `/target-${count}`);
    assert.deepEqual(await tree(`/target-${count}`), ['inner/', 'inner/deep/', 'inner/deep/a.txt']);
    await client.folders.deleteFolderById(target, { queryParams: { recursive: true } });
    await createFolder(`moved-${count}`, '0');
    await lines('mv', `${home.path}/**/*`, `/moved-${count}`);
    assert.deepEqual(await tree(`/moved-${count}`), ['inner/', 'inner/deep/', 'inner/deep/a.txt']);
    await lines('rm', '-r', `/moved-${count}/**/*`);
    assert.deepEqual(await tree(`/moved-${count}`), []);
  });

  test('a name with the characters of a glob is found as it is', async () => {
    await upload('[1].txt', 'literal');
    await upload('1.txt', 'other');
    assert.equal((await place.run(['cat', `${home.path}/[1].txt`])).stdout, 'literal');
    assert.equal((await place.run(['cat', `${home.path}/[[]1].txt`])).stdout, 'literal');
    assert.equal((await place.run(['cat', `${home.path}/[1-2].txt`])).stdout, 'other');
  });

  test('a glob without a match fails with exit code 5', async () => {
    const { code, stderr } = await place.run(['rm', `${home.path}/*.jpg`]);
    assert.equal(code, 5);
    assert.equal(stderr, `Nothing on the server matches ${home.path}/*.jpg.\n`);
  });

  test('download with a glob downloads all matches into a folder', async () => {
    await upload('a.jpg');
    await upload('b.jpg');
    await mkdir(place.at(`to${count}`));
    await lines('download', `${home.path}/*.jpg`, '--to', `to${count}`);
    assert.equal(await readFile(place.at(`to${count}`, 'b.jpg'), 'utf8'), 'b.jpg');
  });
});

describe('cat', () => {
  test('prints files one after the other, byte for byte; so does download --to -', async () => {
    await upload('big.bin', BIG);
    await upload('z.txt', 'end');
    for (const args of [['cat'], ['download', '--to', '-']]) {
      const paths = [`${home.path}/big.bin`, `${home.path}/z.txt`];
      const { code, stdout, stderr } = await runForBytes([...args, ...paths], { env: place.env });
      assert.equal(code, 0, stderr);
      assert.equal(sha1Hex(stdout), sha1Hex(Buffer.concat([BIG, Buffer.from('end')])));
      assert.equal(stderr, '');
    }
  });

  test('a connection lost on the way is resumed, so the output is complete and has no byte twice', async () => {
    await upload('big.bin', BIG);
    await using proxy = await startCuttingProxy(place.server, 100_000);
    const args = ['cat', `${home.path}/big.bin`, '--server', proxy.url];
    const { code, stdout, stderr } = await runForBytes(args, { env: place.env });
    assert.equal(code, 0, stderr);
    assert.ok(proxy.ranges().length >= 3, `${proxy.ranges()}`);
    assert.equal(sha1Hex(stdout), sha1Hex(BIG));
  });

  test('bytes that do not match the SHA-1 of the file are reported, with exit code 1', async () => {
    await upload('big.bin', BIG);
    const answer = { status: 200, text: 'x'.repeat(BIG.length) };
    await using proxy = await startFaultProxy(place.server, ({ path }) =>
      path.endsWith('/content') ? { answer } : undefined,
    );
    const { code, stderr } = await place.run(['cat', `${home.path}/big.bin`, '--server', proxy.url]);
    assert.equal(code, 1);
    assert.match(stderr, /The bytes that were written have the SHA-1 [0-9a-f]{40} instead of/);
  });

  test('a folder is refused, and the other files are printed', async () => {
    await createFolder('inner');
    await upload('a.txt', 'a');
    const { code, stdout, stderr } = await place.run(['cat', `${home.path}/inner`, `${home.path}/a.txt`]);
    assert.deepEqual([code, stdout, stderr], [2, 'a', `${home.path}/inner is a folder.\n`]);
  });

  test('download --to - with --recursive, or to a local file named -, is explained', async () => {
    await upload('a.txt', 'a');
    const { code, stderr } = await place.run(['download', home.path, '-r', '--to', '-']);
    assert.equal(code, 2);
    assert.match(stderr, /use --to \.\/-/);
    await lines('download', `${home.path}/a.txt`, '--to', './-');
    assert.equal(await readFile(place.at('-'), 'utf8'), 'a');
  });
});

describe('stat and du', () => {
  test('stat shows size, SHA-1, version, dates and owner; --value prints one of them', async () => {
    await upload('big.bin', BIG);
    const shown = (await lines('stat', `${home.path}/BIG.bin`)).join('\n');
    assert.match(shown, new RegExp(`^path +${home.path}/big\\.bin$`, 'm'));
    assert.match(shown, /^size +293 KiB \(300,000 bytes\)$/m);
    assert.match(shown, /^owner +Developer <developer@partway\.local>$/m);
    assert.deepEqual(await lines('stat', `${home.path}/big.bin`, '--value', 'sha1'), [sha1Hex(BIG)]);
    const { code, stderr } = await place.run(['stat', `${home.path}/big.bin`, '--value', 'md5']);
    assert.equal(code, 2);
    assert.match(stderr, /There is no field md5\. The fields of this result are: type, id, name/);
  });

  test('du shows folders below first, as deep as --max-depth; -s only the total', async () => {
    const inner = await createFolder('inner');
    const deep = await createFolder('deep', inner);
    await upload('a.bin', Buffer.alloc(2048), deep);
    await upload('b.bin', Buffer.alloc(1024), inner);
    await upload('c.bin', Buffer.alloc(1));
    const at = (path: string, size: number) => `${String(size).padStart(15)}  ${home.path}${path}`;
    assert.deepEqual(await lines('du', home.path), [at('/inner/deep', 2048), at('/inner', 3072), at('', 3073)]);
    assert.deepEqual(await lines('du', '--max-depth', '1', home.path), [at('/inner', 3072), at('', 3073)]);
    assert.deepEqual(await lines('du', '-sh', `${home.path}/inner`), [`  3.0 KiB  ${home.path}/inner`]);
  });
});

describe('cp and mv', () => {
  test('cp copies a file to a name, into a folder, and folders with -r', async () => {
    const inner = await createFolder('inner');
    await upload('a.txt', 'a', inner);
    await lines('cp', `${home.path}/inner/a.txt`, `${home.path}/b.txt`);
    await createFolder('target');
    await lines('cp', `${home.path}/b.txt`, `${home.path}/target`);
    await lines('cp', '-r', `${home.path}/inner`, `${home.path}/target`);
    assert.deepEqual(await tree(), [
      'inner/',
      'inner/a.txt',
      'target/',
      'target/inner/',
      'target/inner/a.txt',
      'target/b.txt',
      'b.txt',
    ]);
    const { code, stderr } = await place.run(['cp', `${home.path}/inner`, `${home.path}/other`]);
    assert.equal(code, 2);
    assert.match(stderr, /inner is a folder\. Use --recursive to copy it\./);
  });

  test('mv renames, moves several items into a folder, and moves a folder', async () => {
    const inner = await createFolder('inner');
    await upload('a.txt');
    await upload('b.txt');
    await lines('mv', `${home.path}/a.txt`, `${home.path}/A2.txt`);
    await lines('mv', `${home.path}/*.txt`, `${home.path}/inner/`);
    assert.deepEqual(await tree(), ['inner/', 'inner/A2.txt', 'inner/b.txt']);
    await createFolder('outer');
    await lines('mv', inner, `${home.path}/outer`);
    assert.deepEqual(await tree(), ['outer/', 'outer/inner/', 'outer/inner/A2.txt', 'outer/inner/b.txt']);
    await lines('mv', `${home.path}/outer`, `${home.path}/Outer`);
    assert.equal((await tree())[0], 'Outer/');
  });

  test('nothing is overwritten: a taken name is exit code 6, for a file, a folder and several items', async () => {
    await upload('a.txt', 'a');
    await upload('b.txt', 'b');
    for (const command of ['cp', 'mv']) {
      const { code, stderr } = await place.run([command, `${home.path}/a.txt`, `${home.path}/B.txt`]);
      assert.equal(code, 6, stderr);
      assert.match(stderr, /\/B\.txt already exists\. Choose another name/);
      const several = await place.run([command, `${home.path}/a.txt`, home.path, `${home.path}/b.txt`]);
      assert.equal(several.code, 6);
      assert.match(several.stderr, /b\.txt is a file, not a folder\./);
    }
    assert.deepEqual(await tree(), ['a.txt', 'b.txt']);
  });

  test('a destination that does not exist is explained, and nothing is copied', async () => {
    await upload('a.txt');
    const { code, stderr } = await place.run(['cp', `${home.path}/a.txt`, `${home.path}/none/`]);
    assert.equal(code, 5);
    assert.match(stderr, new RegExp(`Create it first: partway mkdir -p ${home.path}/none`));
    assert.equal((await place.run(['mv', `${home.path}/a.txt`, `${home.path}/x/y`])).code, 5);
    assert.equal((await place.run(['mv', `${home.path}/a.txt`])).code, 2);
    assert.deepEqual(await tree(), ['a.txt']);
  });

  test('a folder cannot be moved or copied into itself, and the root folder not at all', async () => {
    const inner = await createFolder('inner');
    for (const args of [
      ['mv', home.path, inner],
      ['mv', '/', home.path],
      ['cp', '-r', '/', home.path],
    ]) {
      const { code, stderr } = await place.run(args);
      assert.notEqual(code, 0, args.join(' '));
      assert.doesNotMatch(stderr, /at .*\.ts:/);
    }
    assert.deepEqual(await tree(), ['inner/']);
  });

  test('cp with a local file says how to upload it', async () => {
    await writeFile(place.at('local.bin'), 'x');
    const { code, stderr } = await place.run(['cp', 'local.bin', home.path]);
    assert.equal(code, 5);
    assert.match(stderr, new RegExp(`To upload the local file: partway upload local\\.bin --to ${home.path}\\n`));
  });
});

describe('rm', () => {
  test('--dry-run shows what would go, fails where rm would, and changes nothing', async () => {
    const inner = await createFolder('inner');
    await upload('a.bin', BIG, inner);
    const [line] = await lines('rm', '-n', '-r', `${home.path}/inner`);
    assert.match(line ?? '', /^Would move folder \S+\/inner \(\d+; with everything in it, 293 KiB\) to the trash\.$/);
    assert.equal((await place.run(['rm', '-n', `${home.path}/inner`])).code, 6);
    assert.deepEqual(await tree(), ['inner/', 'inner/a.bin']);
  });

  test('-f ignores missing items only, and one failure does not stop the others', async () => {
    await upload('a.txt');
    const inner = await createFolder('inner');
    await upload('b.txt', 'b', inner);
    const paths = [`${home.path}/none`, `${home.path}/inner`, `${home.path}/a.txt`];
    const { code, stderr } = await place.run(['rm', '-f', ...paths]);
    assert.equal(code, 6);
    assert.match(stderr, /inner is not empty\. Use --recursive/);
    assert.doesNotMatch(stderr, /none/);
    assert.deepEqual(await tree(), ['inner/', 'inner/b.txt']);
    assert.equal((await place.run(['rm', ...paths])).code, 1);
  });
});

describe('trash', () => {
  test('list, restore and empty', async () => {
    const inner = await createFolder(`inner-${count}`);
    await upload('a.bin', BIG, inner);
    const file = await upload(`gone-${count}.txt`, 'gone');
    await lines('rm', '-r', `${home.path}/*`);
    const listed = await place.json('trash', 'list');
    const entry = listed.find(({ id }) => id === inner);
    assert.deepEqual([entry?.type, entry?.name, entry?.size], ['folder', `inner-${count}`, BIG.length]);
    assert.ok((await lines('trash', 'list', '--value')).includes(file));
    await lines('trash', 'restore', `INNER-${count}`);
    await lines('trash', 'restore', file, '--to', home.path, '--name', 'back.txt');
    assert.deepEqual(await tree(), [`inner-${count}/`, `inner-${count}/a.bin`, 'back.txt']);
    await lines('rm', '-r', `${home.path}/*`);
    const [dry] = (await lines('trash', 'empty', '-n', file)).slice(-1);
    assert.equal(dry, 'Would delete 1 item, 4 B in total.');
    assert.deepEqual(await lines('trash', 'empty', '--older-than', '1h'), ['There is nothing to delete.']);
    await lines('trash', 'empty', 'back.txt');
    const left = await lines('trash', 'list', '--value');
    assert.deepEqual([left.includes(inner), left.includes(file)], [true, false]);
    await lines('trash', 'empty');
    assert.deepEqual(await lines('trash', 'list'), []);
  });

  test('nothing is deleted or restored if one of the names does not exist, and a name given twice counts once', async () => {
    const name = `kept-${count}.txt`;
    const file = await upload(name);
    await lines('rm', `${home.path}/${name}`);
    for (const command of ['empty', 'restore']) {
      const { code, stderr } = await place.run(['trash', command, name, 'missing.txt']);
      assert.equal(code, 5);
      assert.equal(stderr, 'There is no missing.txt in the trash. List it with: partway trash list\n');
    }
    assert.ok((await lines('trash', 'list', '--value')).includes(file));
    assert.match((await lines('trash', 'empty', name, file)).at(-1) ?? '', /^Deleted 1 item,/);
  });

  test('a name that two items have needs an ID, and a name that is taken needs --name', async () => {
    await upload('twice.txt', '1');
    await lines('rm', `${home.path}/twice.txt`);
    await upload('twice.txt', '2');
    const { code, stderr } = await place.run(['trash', 'restore', 'twice.txt']);
    assert.equal(code, 6);
    assert.match(
      stderr,
      /cannot be restored: its folder has another item with this name\. Choose another name with --name/,
    );
    await lines('rm', `${home.path}/twice.txt`);
    const ambiguous = await place.run(['trash', 'restore', 'twice.txt']);
    assert.equal(ambiguous.code, 6);
    assert.match(
      ambiguous.stderr,
      /2 items in the trash have the name twice\.txt\. Choose one by its ID: file \d+, file \d+\./,
    );
    const none = await place.run(['trash', 'restore', 'none.txt']);
    assert.equal(none.code, 5);
    await lines('trash', 'empty');
  });
});

describe('versions', () => {
  test('list, download, promote, delete and restore', async () => {
    await upload('v.txt', 'one');
    const file = await upload('v.txt', 'second');
    const path = `${home.path}/v.txt`;
    const [current, old] = await place.json('versions', 'list', path);
    assert.deepEqual([current?.current, current?.size, old?.current, old?.size], [true, 6, false, 3]);
    const oldId = String(old?.id);
    assert.equal((await place.run(['versions', 'download', path, oldId, '--to', '-'])).stdout, 'one');
    await lines('versions', 'download', path, oldId, '--to', `old-${count}.txt`);
    assert.equal(await readFile(place.at(`old-${count}.txt`), 'utf8'), 'one');
    const { code, stderr } = await place.run(['versions', 'delete', file, String(current?.id)]);
    assert.equal(code, 2);
    assert.match(stderr, /is the current version\. Promote another version first/);
    await lines('versions', 'promote', path, oldId);
    assert.equal((await place.run(['cat', path])).stdout, 'one');
    assert.equal((await lines('versions', 'list', path, '--value')).length, 3);
    await lines('versions', 'delete', path, String(current?.id), oldId);
    const trashed = await place.json('versions', 'list', path);
    assert.deepEqual(
      trashed.map(({ trashed_at: at }) => at !== null),
      [false, true, true],
    );
    await lines('versions', 'restore', path, oldId);
    assert.equal((await place.json('versions', 'list', path)).filter(({ trashed_at: at }) => at !== null).length, 1);
    assert.equal((await place.run(['versions', 'promote', path, '123'])).code, 5);
  });
});
