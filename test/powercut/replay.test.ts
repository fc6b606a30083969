import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '../faults/seeded-random.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import type { CrashState } from './disk-model.ts';
import { Replay } from './replay.ts';
import type { SystemCall } from './strace.ts';

const ROOT = '/data';
const BYTES = Buffer.from('the bytes of a file');

/** A handmade log: each call starts and ends after the one before. */
class Log {
  readonly replay = new Replay(ROOT);
  #position = 0;

  call(name: string, args: string, result = 0): void {
    const began = ++this.#position;
    this.replay.apply({ name, args, result, began, ended: ++this.#position } satisfies SystemCall);
  }

  mkdir(path: string): void {
    this.call('mkdir', `"${hex(path)}", 0700`);
  }

  open(path: string, fd: number, flags = 'O_RDONLY'): void {
    this.call('openat', `AT_FDCWD, "${hex(path)}", ${flags}`, fd);
  }

  sync(path: string, fd: number): void {
    this.call('fsync', `${fd}<${hex(path)}>`);
  }

  close(path: string, fd: number): void {
    this.call('close', `${fd}<${hex(path)}>`);
  }

  syncFolder(path: string): void {
    this.open(path, 40);
    this.sync(path, 40);
    this.close(path, 40);
  }

  /** A file that is on disk with its name. */
  addFile(path: string): void {
    this.open(path, 41, 'O_WRONLY|O_CREAT');
    this.call('pwrite64', `41<${hex(path)}>, "${hex(BYTES)}", ${BYTES.length}, 0`, BYTES.length);
    this.sync(path, 41);
    this.close(path, 41);
    this.syncFolder(path.slice(0, path.lastIndexOf('/')));
  }

  endLife(left: string): void {
    this.replay.endLife(left, ++this.#position);
  }

  /** States that a power cut may leave now. */
  states(): CrashState[] {
    const random = seededRandom(1);
    return Array.from({ length: 300 }, () => this.replay.disk.crash(random));
  }
}

function hex(bytes: string | Buffer): string {
  const absolute = typeof bytes === 'string' ? `${ROOT}/${bytes}`.replace(/\/$/, '') : bytes;
  return Buffer.from(absolute).toString('hex').replaceAll(/(..)/g, '\\x$1');
}

/** A folder with a file whose next move needs new folders. */
function createMoveLog(): Log {
  const log = new Log();
  log.mkdir('staging');
  log.mkdir('blobs');
  log.syncFolder('');
  log.addFile('staging/file');
  log.mkdir('blobs/ab');
  return log;
}

/** The number of states in which the file has its old name only, its new one, or none; it is always complete. */
function countStates(states: readonly CrashState[]): { old: number; moved: number; lost: number } {
  const counts = { old: 0, moved: 0, lost: 0 };
  for (const state of states) {
    const [from, to] = [state.get('staging/file'), state.get('blobs/ab/file')];
    counts[to !== undefined ? 'moved' : from !== undefined ? 'old' : 'lost'] += 1;
    for (const bytes of [from, to]) if (bytes !== undefined) assert.deepEqual(bytes, BYTES);
  }
  return counts;
}

test('a renamed file survives a power cut under its old or new name, regardless of new folders', () => {
  const log = createMoveLog();
  log.call('rename', `"${hex('staging/file')}", "${hex('blobs/ab/file')}"`);
  const { old, moved, lost } = countStates(log.states());
  assert.equal(lost, 0);
  assert.ok(old > 0 && moved > 0, `${old} ${moved}`);

  log.syncFolder('staging');
  assert.deepEqual(countStates(log.states()), { old: 0, moved: 300, lost: 0 });
});

test('a rename whose process died keeps what was on disk', () => {
  const left = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-replay-')));
  mkdirSync(join(left, 'blobs/ab'), { recursive: true });
  mkdirSync(join(left, 'staging'));
  writeFileSync(join(left, 'blobs/ab/file'), BYTES);
  const log = createMoveLog();
  log.endLife(left);
  const { old, moved, lost } = countStates(log.states());
  assert.equal(lost, 0);
  assert.ok(old > 0 && moved > 0, `${old} ${moved}`);
});

test('a sync counts even if the end of an earlier use of its descriptor is logged late', () => {
  const log = createMoveLog();
  log.call('rename', `"${hex('staging/file')}", "${hex('blobs/ab/file')}"`);
  log.open('staging', 30);
  // Another thread got the free number again, and strace logged that first.
  log.open('blobs', 30);
  log.close('staging', 30);
  log.sync('blobs', 30);
  log.syncFolder('blobs/ab');
  assert.deepEqual(countStates(log.states()), { old: 0, moved: 300, lost: 0 });
});
