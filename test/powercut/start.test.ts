import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { type Recording, record } from './recording.ts';
import { skipUntraced } from './skip-untraced.ts';
import { pathOf, type SystemCall } from './strace.ts';

// A process that was killed between a write and its sync leaves data that is only in the page cache. The next process
// reads it as if it were on disk, and must sync it before relying on it.
describe('a server that starts on the files of another one', { skip: skipUntraced, timeout: 300_000 }, () => {
  let recording: Recording;
  let synced: string[];

  before(async () => {
    recording = await record({ seed: 1, kills: 1, rounds: 2 });
    synced = syncsBeforeFirstAnswer(recording.lives[1]?.log.calls ?? []);
  });

  it('has synced the name of its data folder and of the folders above it before its first response', () => {
    assert.ok(synced.includes(dirname(recording.dataFolder)));
    assert.ok(synced.includes(dirname(dirname(recording.dataFolder))));
    assert.ok(synced.includes(recording.dataFolder));
  });

  for (const name of ['signing-key', 'database-id']) {
    it(`has synced ${name} before its first response`, () => {
      assert.ok(synced.includes(join(recording.dataFolder, name)));
    });
  }
});

/** The paths that were synced before the first bytes were sent to a client. */
function syncsBeforeFirstAnswer(calls: readonly SystemCall[]): string[] {
  const answered = calls.findIndex((call) => /^writev?$/.test(call.name) && pathOf(call)?.startsWith('socket:'));
  assert.ok(answered > 0, 'the recording has a response');
  return calls
    .slice(0, answered)
    .filter(({ name, result }) => /^f(data)?sync$/.test(name) && result === 0)
    .map((call) => pathOf(call) ?? '');
}
