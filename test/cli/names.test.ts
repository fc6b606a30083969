import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { PARTWAY } from './run.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
});
after(() => place[Symbol.asyncDispose]());

const upload = (...args: string[]) => place.run(['upload', ...args]);
async function namesIn(folder: string): Promise<string[]> {
  return (await place.json('ls', folder)).map(({ name }) => String(name));
}

for (const conflict of ['fail', 'version', 'rename']) {
  test(`two files of one run that have the same name on the server do not overwrite each other (${conflict})`, async () => {
    const pairs: [string, string][] = [
      ['A.txt', 'a.txt'],
      ['caf\u00e9.txt', 'cafe\u0301.txt'],
      ['\u00c9t\u00e9', '\u00e9te\u0301'],
    ];
    const folder = `pairs-${conflict}`;
    await mkdir(place.at(folder));
    for (const names of pairs) for (const name of names) await writeFile(place.at(folder, name), `bytes of ${name}`);
    const ended = await upload('-r', folder, '--conflict', conflict);
    const listed = await namesIn(`/${folder}`);
    if (conflict === 'rename') {
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(listed.length, 6, listed.join());
      return;
    }
    assert.equal(ended.code, 6, ended.stderr);
    assert.equal(listed.length, 3);
    for (const [first, second] of pairs) {
      const [uploaded, refused] = listed.includes(first) ? [first, second] : [second, first];
      assert.ok(listed.includes(uploaded), listed.join());
      assert.ok(
        ended.stderr.includes(
          `${folder}/${refused}: Not uploaded: ${folder}/${uploaded} and ${folder}/${refused} have the same name`,
        ),
        ended.stderr,
      );
    }
    const versions = await place.json('ls', `/${folder}`);
    assert.equal(versions.length, 3);
  });
}

test('files of the same name from two folders are not versions of one file', async () => {
  for (const folder of ['one', 'two']) {
    await mkdir(place.at(folder));
    await writeFile(place.at(folder, 'a.txt'), folder);
  }
  await place.json('mkdir', '/both');
  for (const conflict of ['version', 'fail']) {
    const ended = await upload('one/a.txt', 'two/a.txt', '--to', '/both', '--conflict', conflict);
    assert.equal(ended.code, 6);
    assert.match(
      ended.stderr,
      /two\/a\.txt: Not uploaded: one\/a\.txt and two\/a\.txt have the same name on the server\./,
    );
    assert.deepEqual(await namesIn('/both'), ['a.txt']);
  }
  assert.equal((await upload('one/a.txt', 'two/a.txt', '--to', '/both', '--conflict', 'rename')).code, 0);
  assert.deepEqual(await namesIn('/both'), ['a (1).txt', 'a.txt']);
});

test('folders of the same name are merged; colliding files in them are rejected by name', async () => {
  for (const side of ['left', 'right']) {
    await mkdir(place.at(side, 'photos', '2026'), { recursive: true });
    await writeFile(place.at(side, 'photos', '2026', 'x.jpg'), side);
    await writeFile(place.at(side, 'photos', '2026', `${side}.jpg`), side);
  }
  await place.json('mkdir', '/merged');
  const ended = await upload('-r', 'left/photos', 'right/photos', '--to', '/merged', '--conflict', 'version');
  assert.equal(ended.code, 6);
  assert.match(ended.stderr, /left\/photos\/2026\/x\.jpg and right\/photos\/2026\/x\.jpg have the same name/);
  assert.deepEqual(await namesIn('/merged/photos/2026'), ['left.jpg', 'right.jpg', 'x.jpg']);
});

test('folders that differ only in case, and a file with the name of a folder, are rejected by name', async () => {
  await mkdir(place.at('kinds', 'Dir'), { recursive: true });
  await mkdir(place.at('kinds', 'dir'));
  await writeFile(place.at('kinds', 'dir', 'x.txt'), 'x');
  await mkdir(place.at('kinds', 'name'));
  await writeFile(place.at('kinds', 'NAME'), 'file');
  const ended = await upload('-r', 'kinds', '--conflict', 'version');
  assert.equal(ended.code, 6);
  assert.match(ended.stderr, /kinds\/dir: Not uploaded: kinds\/Dir and kinds\/dir have the same name/);
  assert.match(ended.stderr, /kinds\/NAME: Not uploaded: kinds\/name and kinds\/NAME have the same name/);
  assert.deepEqual(await namesIn('/kinds'), ['Dir', 'name']);
  assert.deepEqual(await namesIn('/kinds/Dir'), []);
  // With a number, a file fits next to the folder.
  await upload('-r', 'kinds', '--conflict', 'rename');
  assert.deepEqual(await namesIn('/kinds'), ['Dir', 'name', 'NAME (1)']);
});

test('the same file given twice is uploaded once, also through a symbolic link', async () => {
  await mkdir(place.at('links'));
  await writeFile(place.at('links', 'real.txt'), 'real');
  await mkdir(place.at('links', 'in'));
  await symlink('../real.txt', place.at('links', 'in', 'real.txt'));
  await place.json('mkdir', '/twice');
  const ended = await upload('links/real.txt', './links/real.txt', 'links/in/real.txt', '--to', '/twice');
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /Skipped \S*links\/in\/real\.txt: named twice\./);
  assert.deepEqual(await namesIn('/twice'), ['real.txt']);
});

test('a local name that is not UTF-8 is rejected as such, and nothing is created for it', async () => {
  const latin = (...parts: (string | number[])[]) =>
    Buffer.concat([
      Buffer.from(`${place.folder}/`),
      ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
    ]);
  await mkdir(latin('bytes'));
  await mkdir(latin('bytes/dir', [0xe9]));
  await writeFile(latin('bytes/dir', [0xe9], '/x.txt'), 'x');
  await writeFile(latin('bytes/caf', [0xe9], '.txt'), 'x');
  await writeFile(latin('bytes/surrogate', [0xed, 0xa0, 0x80]), 'x');
  await writeFile(latin('bytes/good.txt'), 'x');
  const ended = await upload('-r', 'bytes');
  assert.equal(ended.code, 1);
  for (const escaped of ['dir\\xe9', 'caf\\xe9.txt', 'surrogate\\xed\\xa0\\x80']) {
    assert.ok(ended.stderr.includes(`bytes/${escaped}: The name is not valid UTF-8: ${escaped}.`), ended.stderr);
  }
  assert.deepEqual(await namesIn('/bytes'), ['good.txt']);

  const before = await namesIn('/');
  for (const command of ["upload bytes/caf$'\\xe9'.txt", "upload -r bytes/dir$'\\xe9'"]) {
    const failed = await shell(command);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /The name is not valid UTF-8: bytes\/(caf\\xe9\.txt|dir\\xe9)\./);
  }
  for (const command of [
    "mkdir /new$'\\xe9'",
    "upload bytes/good.txt --name x$'\\xe9'",
    "ls /x$'\\xe9'",
    "rm /x$'\\xe9'",
    "download /bytes/good.txt --to here$'\\xe9'",
  ]) {
    const failed = await shell(command);
    assert.equal(failed.code, 2, `${command}: ${failed.stderr}`);
    assert.match(failed.stderr, /is not valid UTF-8/);
  }
  assert.deepEqual(await namesIn('/'), before);
});

test('names that the server does not accept are reported before anything is sent', async () => {
  const folder = 'refused';
  const long = 'x'.repeat(252);
  await mkdir(place.at(folder, 'tab\there'), { recursive: true });
  for (const name of ['back\\slash', 'space ', 'line\nbreak', 'good']) await writeFile(place.at(folder, name), name);
  await writeFile(place.at(folder, 'tab\there', 'x'), 'x');
  const ended = await upload('-r', folder);
  assert.equal(ended.code, 1);
  assert.equal(ended.stderr.match(/On the server, .* cannot be used as a name: /g)?.length, 4, ended.stderr);
  assert.deepEqual(await namesIn(`/${folder}`), ['good']);
  const named = await upload(join(folder, 'good'), '--name', `${long}.txt`);
  assert.equal(named.code, 1);
  assert.match(named.stderr, /must have at most 255 characters/);
});

/** Runs a command line in bash, which can pass bytes that are not valid UTF-8. */
async function shell(command: string): Promise<{ code: number; stderr: string }> {
  const script = `"${process.execPath}" "${PARTWAY}" ${command}`;
  const options = { cwd: place.folder, env: { PATH: process.env.PATH ?? '', ...place.env } };
  return promisify(execFile)('bash', ['-c', script], options).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
  );
}
