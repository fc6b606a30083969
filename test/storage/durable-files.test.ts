import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import { until } from '../support/until.ts';
import { type FileFault, openWithFaults, systemError } from './open-with-faults.ts';
import { temporaryFolder } from './temporary-folder.ts';

describe('files that survive a power cut', () => {
  it('are not created below a file, which fails at once', async (t) => {
    const { folder, files } = await openFiles(t);
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(files.ensureFolder(join(folder, 'file', 'below'), folder), { code: 'ENOTDIR' });
  });

  it('are renamed once if the rename fails for another reason than a missing folder', async (t) => {
    const { folder, files, log } = await openFiles(t);
    const [from, to] = [join(folder, 'file'), join(folder, 'in', 'the way')];
    await writeFile(from, '');
    await mkdir(to, { recursive: true });
    await assert.rejects(files.moveDurably(from, to, { base: folder, readOnly: false }), { code: 'EISDIR' });
    assert.deepEqual(log, [`sync ${folder}`]);
  });

  it('fail with the error of their sync, even if somebody has removed them', async (t) => {
    const removed = Promise.withResolvers<void>();
    const fault = { method: 'sync', path: /file$/, wait: removed.promise, error: systemError('EIO') } as const;
    const { folder, files, log } = await openFiles(t, [fault]);
    const path = join(folder, 'file');
    const creating = assert.rejects(files.allocate(path, 10), { code: 'EIO' });
    await until(() => log.includes(`sync ${path}`));
    await rm(path);
    removed.resolve();
    await creating;
  });

  it('stay open until their last writer has ended', async (t) => {
    const { folder, files, log } = await openFiles(t);
    const path = join(folder, 'file');
    await files.allocate(path, 30);
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const writers = gates.map(async ({ promise }, n) => {
      await files.write(path, { offset: n * 10, length: 10 }, bodyAfter(promise));
      assert.equal(log.filter((line) => line.startsWith('close')).length, n === 2 ? 1 : 0);
    });
    for (const [n, { resolve }] of gates.entries()) {
      resolve();
      await writers[n];
    }
    assert.equal(log.filter((line) => line.startsWith('open')).length, 1);
  });
});

async function openFiles(t: TestContext, faults: FileFault[] = []) {
  const log: string[] = [];
  return {
    folder: await temporaryFolder(t),
    files: new DurableFiles({ openFile: openWithFaults({ log, faults }) }),
    log,
  };
}

async function* bodyAfter(gate: Promise<void>): AsyncGenerator<Uint8Array> {
  await gate;
  yield new Uint8Array(10);
}
