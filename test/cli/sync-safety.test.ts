import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CliFixture, openCliFixture } from './cli-fixture.ts';
import { syncTools } from './sync-fixture.ts';

let place: CliFixture;
before(async () => {
  place = await openCliFixture();
});
after(() => place[Symbol.asyncDispose]());

const { bothWays } = syncTools(() => place);

test('what a filter excludes on one side is not deleted or replaced on the other, where case or Unicode form differ', async () => {
  const source = {
    'a.txt': 'a',
    'Archive/in/1.txt': 'new',
    'Note.TMP': 'new',
    'caf\u00e9/x.txt': 'new',
    'Kind/1.txt': 'new',
  };
  const kept = { 'archive/in/1.txt': 'old', 'archive/2.txt': 'old', 'note.tmp': 'old', 'cafe\u0301/x.txt': 'old' };
  const destination = { ...kept, kind: 'old', 'extra.txt': 'extra' };
  await bothWays('excluded', { source, destination }, async (run, readDestination) => {
    for (const patterns of [
      ['/Archive/**', '*.TMP', 'caf\u00e9/', 'Kind/'],
      ['/archive/', '*.tmp', 'cafe\u0301/', 'kind'],
    ]) {
      const ended = await run('--delete', ...patterns.flatMap((pattern) => ['--exclude', pattern]));
      assert.equal(ended.code, 0, ended.stderr);
      const folders = { 'archive/': '', 'archive/in/': '', 'cafe\u0301/': '' };
      assert.deepEqual(await readDestination(), { ...kept, ...folders, kind: 'old', 'a.txt': 'a' });
    }
  });
});
