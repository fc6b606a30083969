import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { killedUpload } from './kill-upload.ts';
import { jsonLines, uploadedFile } from './run.ts';

const SIZE = 24 * 1024 * 1024;
const bytes = seededBytes(SIZE, 'cli standard input');

let place: CliFixture;
before(async () => {
  place = await openCliFixture({ env: { PARTWAY_PART_SIZE: '1MiB' } });
});
after(() => place[Symbol.asyncDispose]());

const pipe = (input: string | Uint8Array, ...args: string[]) => place.run(['upload', '-', ...args], { input });
const names = async () => (await place.json('ls')).map(({ name }) => name);

test('standard input is uploaded, small or in parts, and skipped if the file exists', async () => {
  const small = await pipe('hello', '--name', 'hello.txt', '--size', '5', '--json');
  assert.equal(small.code, 0, small.stderr);
  assert.deepEqual(
    jsonLines(small.stdout)
      .filter(({ event }) => event !== 'progress')
      .map(({ event, path }) => `${event} ${path}`),
    ['start -', 'done -', 'summary undefined'],
  );
  assert.equal(uploadedFile(jsonLines(small.stdout)).sha1, sha1Hex(Buffer.from('hello')));
  const large = await pipe(bytes, '--name', 'large.bin', '--size', '24MiB', '--json');
  assert.equal(uploadedFile(jsonLines(large.stdout)).sha1, sha1Hex(bytes));
  for (const [input, name] of [
    ['hello', 'hello.txt'],
    [bytes, 'large.bin'],
  ] as const) {
    const again = await pipe(input, '--name', name, '--size', String(input.length));
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /^\S+: skipped, identical file exists \(ID \d+\)\n$/);
    const other = Buffer.from(input);
    other[0] = 0;
    assert.equal((await pipe(other, '--name', name, '--size', String(input.length))).code, 6);
  }
});

test('without a name, the command fails with a hint and reads nothing', async () => {
  // The input never ends: a command that reads it would wait forever.
  const runWithOpenInput = (...args: string[]) => place.run(['upload', '-', ...args], { input: null });
  assert.match((await runWithOpenInput('--size', '5')).stderr, /has no name\. Set one with --name\./);
  assert.equal((await runWithOpenInput('other', '--size', '5', '--name', 'x')).code, 2);
  assert.equal((await runWithOpenInput('--size', 'much', '--name', 'x')).code, 2);
  const path = await place.run(['upload', 'other', '--size', '5']);
  assert.equal(path.code, 2);
  assert.match(path.stderr, /--size is only for standard input/);
});

test('input that is longer or shorter than its size creates no file', async () => {
  for (const [input, size] of [
    ['hello', 4],
    ['hello', 6],
    [bytes, SIZE - 1],
    [bytes, SIZE + 1],
  ] as const) {
    const ended = await pipe(input, '--name', 'wrong', '--size', String(size));
    assert.equal(ended.code, 1);
    const expected = input.length > size ? `more than the ${size} bytes` : `ended after ${input.length} bytes`;
    assert.match(ended.stderr, new RegExp(`${expected}.*No file was created\\.`));
  }
  assert.ok(!(await names()).includes('wrong'));
});

const killedPipe = (name: string) =>
  killedUpload(place, ['upload', '-', '--name', name, '--size', String(SIZE), '--json'], bytes);

test('a killed upload from a pipe resumes when the same bytes are piped in again', async () => {
  await using killed = await killedPipe('killed.bin');
  const ended = await killed.again(bytes);
  assert.equal(ended.code, 0, ended.stderr);
  const events = jsonLines(ended.stdout);
  assert.equal(uploadedFile(events).sha1, sha1Hex(bytes));
  const resumed = Number(events.find(({ event }) => event === 'done')?.bytes_resumed);
  assert.ok(resumed > 0 && resumed < SIZE, `${resumed}`);
});

test('different input is never appended to the stored parts', async () => {
  const other = Buffer.from(bytes);
  other.writeUInt8(other.readUInt8(100) ^ 1, 100);
  await using killed = await killedPipe('others.bin');
  const refused = await killed.again(other);
  assert.equal(refused.code, 1);
  const failed = jsonLines(refused.stdout).find(({ event }) => event === 'failed');
  assert.match(
    String(failed?.message),
    /differs from the uploaded part at byte 0.*Run the same command again, with its input/,
  );
  const restarted = await killed.again(other);
  assert.equal(restarted.code, 0, restarted.stderr);
  assert.equal(uploadedFile(jsonLines(restarted.stdout)).sha1, sha1Hex(other));
  assert.equal(jsonLines(restarted.stdout).find(({ event }) => event === 'done')?.bytes_resumed, 0);
});

test('a command ends even if its input does not', async () => {
  const { child, ended } = place.start(['upload', '-', '--name', 'open.txt', '--size', '2'], { input: null });
  child.stdin?.write('abc');
  assert.equal((await ended).code, 1);
});

test('Ctrl-C stops an upload whose input stalls', async () => {
  const args = ['upload', '-', '--name', 'waiting.bin', '--size', String(SIZE), '--json'];
  const { child, ended } = place.start(args, { input: null });
  child.stdin?.write(bytes.subarray(0, 3_000_000));
  child.stdout?.on('data', (chunk) => {
    if (String(chunk).includes('"start"')) child.kill('SIGINT');
  });
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 130, stderr);
  assert.ok(
    jsonLines(stdout).some(({ event }) => event === 'stopped'),
    stdout,
  );
  assert.match(stderr, /^Stopped\. Run the same command again with the same input to resume\.$/m);
});
