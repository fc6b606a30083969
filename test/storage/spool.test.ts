import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import { StorageError } from '../../packages/server/src/storage/errors.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import { brokenBody, randomBytesOfSize } from '../conformance/blob-samples.ts';
import { mountSmallDisk } from '../faults/small-disk.ts';
import { listDescriptors } from '../support/descriptors.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from './temporary-folder.ts';

const PART = 64 * 1024;

describe('the spool', () => {
  it('stores a complete body before it returns it, and nothing of an interrupted one', async (t) => {
    const { spool, folder } = await openSpool(t, 4 * PART);
    const bytes = randomBytesOfSize(PART);
    const file = await spool.receive(bodyOf(bytes), { length: PART, maxBytes: PART });
    assert.deepEqual(new Uint8Array(await readFile(file.path)), bytes);
    assert.equal((await stat(file.path)).mode & 0o777, 0o600);
    const broken = new Error('the connection was cut');
    const cut = spool.receive(brokenBody(bytes.slice(10), broken), { length: PART, maxBytes: PART });
    await assert.rejects(cut, (error) => error === broken);
    assert.equal((await readdir(folder)).length, 1);
    assert.equal(spool.reserved, PART);
    await file.remove();
    await file.remove();
    assert.deepEqual(await readdir(folder), []);
    assert.equal(spool.reserved, 0);
  });

  it('rejects a body that is longer or shorter than its part', async (t) => {
    const { spool, folder } = await openSpool(t, 4 * PART);
    for (const size of [PART - 1, PART + 1]) {
      await assert.rejects(
        spool.receive(bodyOf(randomBytesOfSize(size)), { length: PART, maxBytes: PART }),
        RangeError,
      );
    }
    assert.deepEqual(await readdir(folder), []);
    assert.equal(spool.reserved, 0);
  });

  it('reads no byte of a body before it has space for it', async (t) => {
    const { spool } = await openSpool(t, 2 * PART);
    const first = await spool.receive(bodyOf(randomBytesOfSize(PART)), { length: PART, maxBytes: PART });
    const second = await spool.receive(bodyOf(randomBytesOfSize(PART)), { length: PART, maxBytes: PART });
    let read = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      read += 1;
      yield randomBytesOfSize(PART);
    }
    const waiting = [1, 2].map(() => spool.receive(body(), { length: PART, maxBytes: PART }));
    await settle();
    assert.equal(read, 0);
    await first.remove();
    await waiting[0];
    assert.equal(read, 1);
    await second.remove();
    await waiting[1];
    assert.equal(spool.reserved, 2 * PART);
  });

  it('rejects a body as unavailable if it has waited too long, with a retry time', async (t) => {
    const { spool } = await openSpool(t, PART, { timeout: 30 });
    const first = await spool.receive(bodyOf(randomBytesOfSize(PART)), { length: PART, maxBytes: PART });
    const refused = { code: 'unavailable', retryAfterSeconds: 5 };
    await assert.rejects(spool.receive(failOnRead(), { length: PART, maxBytes: PART }), refused);
    // A body that leaves the queue does not block smaller ones behind it.
    await first.remove();
    await (await spool.receive(bodyOf(randomBytesOfSize(PART)), { length: PART, maxBytes: PART })).remove();
  });

  it('names the setting to change if a part is larger than the spool', async (t) => {
    const { spool } = await openSpool(t, PART);
    await assert.rejects(spool.receive(failOnRead(), { maxBytes: PART + 1 }), /Increase PARTWAY_SPOOL_SIZE/);
  });

  it('drops cached files when it needs space: the oldest first, and none that is being read', async (t) => {
    const { spool } = await openSpool(t, 3 * PART);
    for (const key of ['a', 'b', 'c']) await spool.cache(key, await receive(spool));
    const path = spool.find('a');
    await spool.cache('d', await receive(spool));
    assert.equal(spool.find('a'), path);
    assert.equal(spool.find('b'), undefined);
    const held = await receive(spool);
    assert.deepEqual(
      ['a', 'c', 'd'].map((key) => spool.find(key) !== undefined),
      [true, false, true],
    );
    // Now all space is in use: by one body in progress and two files being read, until one of these is released.
    const waiting = receive(spool);
    await settle();
    await spool.drop('d');
    await (await waiting).remove();
    await held.remove();
  });

  it('keeps one file per key and forgets all files of an upload together', async (t) => {
    const { spool, folder } = await openSpool(t, 8 * PART);
    for (const key of ['one/0', 'one/0', 'one/1', 'other/0']) await spool.cache(key, await receive(spool));
    assert.equal((await readdir(folder)).length, 3);
    await spool.dropAll('one/');
    assert.equal((await readdir(folder)).length, 1);
    assert.equal(spool.reserved, PART);
  });

  it('deletes the files that it finds at its start', async (t) => {
    const { folder } = await openSpool(t, PART);
    await writeFile(join(folder, '17'), 'from before');
    await Spool.open({ folder, size: PART, budget: new ByteBudget() });
    assert.deepEqual(await readdir(folder), []);
  });

  it('deletes only its own files, and keeps those of the file system in its folder', async (t) => {
    const { folder } = await openSpool(t, PART);
    for (const name of ['0', '123', 'lost+found', '12a', '-1']) await writeFile(join(folder, name), 'from before');
    await Spool.open({ folder, size: PART, budget: new ByteBudget() });
    assert.deepEqual((await readdir(folder)).toSorted(), ['-1', '12a', 'lost+found']);
  });

  it('creates its folder with permissions for its owner only', async (t) => {
    const { folder } = await openSpool(t, PART);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  });

  it('drops a file that is being read after a minute, when the reader must have ended', async (t) => {
    let now = 1_000;
    t.mock.method(performance, 'now', () => now);
    const { spool } = await openSpool(t, 2 * PART);
    for (const key of ['a', 'b']) await spool.cache(key, await receive(spool));
    for (const key of ['a', 'b']) assert.ok(spool.find(key));
    now += 59_999;
    const waiting = receive(spool);
    await settle();
    assert.ok(spool.find('b'), 'it was dropped');
    now += 1;
    // A waiting body checks again when something else is released.
    await spool.drop('c');
    const another = receive(spool);
    await (await waiting).remove();
    await (await another).remove();
    assert.equal(spool.find('a'), undefined);
    assert.ok(spool.find('b'));
  });

  it('does not count cached files for a user', async (t) => {
    const { spool } = await openSpool(t, 4 * PART);
    const by = 1 as UserId;
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      await spool.cache(
        key,
        await spool.receive(bodyOf(randomBytesOfSize(PART)), { length: PART, maxBytes: PART, by }),
      );
    }
    assert.equal(spool.reserved, 4 * PART);
    assert.equal(spool.find('a'), undefined);
  });

  it('passes on the error of a body that is rejected, and keeps its cached files', async (t) => {
    const { spool } = await openSpool(t, 2 * PART);
    await spool.cache('kept', await receive(spool));
    const wrong = new StorageError('digest-mismatch', 'other bytes');
    const rejected = spool.receive(brokenBody(randomBytesOfSize(10), wrong), { length: PART, maxBytes: PART });
    await assert.rejects(rejected, (error) => error === wrong);
    assert.ok(spool.find('kept'));
  });

  it('closes the files that it has received', async (t) => {
    const { spool } = await openSpool(t, 4 * PART);
    const before = listDescriptors(process.pid);
    for (let n = 0; n < 3; n += 1) await receive(spool);
    await assert.rejects(spool.receive(brokenBody(randomBytesOfSize(10), new Error('cut')), { maxBytes: PART }), /cut/);
    assert.deepEqual(listDescriptors(process.pid), before);
  });

  it('fails with the error of a folder in which it cannot create files, and reserves no space then', async (t) => {
    const { spool, folder } = await openSpool(t, PART);
    await rm(folder, { recursive: true });
    await assert.rejects(receive(spool), { code: 'ENOENT' });
    assert.equal(spool.reserved, 0);
  });

  it('accepts a body of unknown length up to its maximum, and reports that maximum', async (t) => {
    const { spool } = await openSpool(t, 2 * PART);
    assert.equal(spool.size, 2 * PART);
    for (const size of [0, 1, PART]) {
      const file = await spool.receive(bodyOf(randomBytesOfSize(size)), { maxBytes: PART });
      assert.equal((await stat(file.path)).size, size);
      assert.equal(spool.reserved, PART);
      await file.remove();
    }
  });

  it('on a full disk responds unavailable, drops cached files, and accepts the part when there is space', async (t) => {
    await using disk = await mountSmallDisk('2m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const ballast = join(disk.folder, 'ballast');
    const spool = await Spool.open({ folder: join(disk.folder, 'spool'), size: 2 ** 30, budget: new ByteBudget() });
    for (const key of ['kept', 'kept too']) await spool.cache(key, await receive(spool));
    await writeFile(ballast, Buffer.alloc(1536 * 1024));
    const large = () => spool.receive(bodyOf(randomBytesOfSize(2 ** 20)), { length: 2 ** 20, maxBytes: 2 ** 20 });
    await assert.rejects(large(), { code: 'unavailable', retryAfterSeconds: 5 });
    for (const key of ['kept', 'kept too']) assert.equal(spool.find(key), undefined);
    await until(async () => spool.reserved === 0);
    await rm(ballast);
    await (await large()).remove();
  });
});

async function openSpool(t: TestContext, size: number, options: { timeout?: number } = {}) {
  const folder = join(await temporaryFolder(t), 'spool');
  return { folder, spool: await Spool.open({ folder, size, budget: new ByteBudget(), ...options }) };
}

function receive(spool: Spool) {
  return spool.receive(bodyOf(randomBytesOfSize(PART)), { length: PART, maxBytes: PART });
}

async function* bodyOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.slice(at, at + 10_000);
}

// biome-ignore lint/correctness/useYield: it fails as soon as it is read.
async function* failOnRead(): AsyncGenerator<Uint8Array> {
  assert.fail('a body was read that has no room');
}

/** Waits for everything that happens without input: many turns of the event loop. */
async function settle(): Promise<void> {
  for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
}
