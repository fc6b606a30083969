import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { spoolInput } from '../../packages/cli/src/transfer/upload/spool.ts';
import { mountSmallDisk } from '../faults/small-disk.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { jsonLines, uploadedFile } from './run.ts';

/** More than the 64 MiB that are kept in memory. */
const large = seededBytes(66 * 1024 * 1024, 'cli spool');

let place: CliFixture;
before(async () => {
  place = await openCliFixture({ env: { PARTWAY_PART_SIZE: '1MiB' } });
});
after(() => place[Symbol.asyncDispose]());

const pipe = (input: string | Uint8Array, name: string, env: Record<string, string> = {}) =>
  place.run(['upload', '-', '--name', name, '--json'], { input, env });

test('standard input of unknown size is uploaded: nothing, a little, and more than fits into memory', async () => {
  const TMPDIR = place.at('temporary');
  await mkdir(TMPDIR);
  for (const [name, input] of Object.entries({ empty: '', small: 'hello', large })) {
    const first = await pipe(input, name, { TMPDIR });
    assert.equal(first.code, 0, first.stderr);
    assert.equal(uploadedFile(jsonLines(first.stdout)).sha1, sha1Hex(Buffer.from(input)));
    const again = jsonLines((await pipe(input, name, { TMPDIR })).stdout);
    assert.equal(again.at(-1)?.present, 1, 'it is compared first');
  }
  assert.deepEqual(await readdir(TMPDIR), []);
});

test('the temporary file has no name while it is used', async () => {
  async function* input() {
    for (let count = 0; count < 4; count += 1) yield Buffer.alloc(1000, count);
  }
  await using spool = await spoolInput(input(), 1500);
  const named = (await readdir(tmpdir())).filter((name) => /^partway-[0-9a-f]{8}-[0-9a-f]{4}-/.test(name));
  assert.deepEqual(named, []);
  for (let times = 0; times < 2; times += 1) {
    const bytes = await buffer(spool.read());
    assert.deepEqual([spool.size, bytes.length, bytes[0], bytes[3999]], [4000, 4000, 0, 3]);
  }
});

test('if the disk is full, the message names TMPDIR and --size, and no file is created', async (t) => {
  await using disk = await mountSmallDisk('8m');
  if (disk.reason !== undefined) return t.skip(disk.reason);
  const ended = await pipe(large, 'full', { TMPDIR: disk.folder });
  assert.equal(ended.code, 1);
  const failed = jsonLines(ended.stdout).find(({ event }) => event === 'failed');
  assert.match(String(failed?.message), /^There is not enough space in .*Set TMPDIR to a folder with more space/);
  assert.ok(!(await place.json('ls')).some(({ name }) => name === 'full'));
});
