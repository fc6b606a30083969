import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { ByteBudget } from '../../packages/server/src/storage/s3/byte-budget.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import { brokenBody, bytesOfSize } from '../conformance/content-samples.ts';
import { smallDisk } from '../faults/small-disk.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from './temporary-folder.ts';

const PART = 64 * 1024;

describe('the spool', () => {
  it('holds a body whole before anybody is told of it, and nothing of one that breaks off', async (t) => {
    const { spool, folder } = await spoolOf(t, 4 * PART);
    const bytes = bytesOfSize(PART);
    const file = await spool.receive(bodyOf(bytes), { length: PART, maxBytes: PART });
    assert.deepEqual(new Uint8Array(await readFile(file.path)), bytes);
    const broken = new Error('the line was cut');
    const cut = spool.receive(brokenBody(bytes.slice(10), broken), { length: PART, maxBytes: PART });
    await assert.rejects(cut, (error) => error === broken);
    assert.equal((await readdir(folder)).length, 1);
    assert.equal(spool.reserved, PART);
    await file.remove();
    await file.remove();
    assert.deepEqual(await readdir(folder), []);
    assert.equal(spool.reserved, 0);
  });

  it('takes no body that is longer or shorter than its place', async (t) => {
    const { spool, folder } = await spoolOf(t, 4 * PART);
    for (const size of [PART - 1, PART + 1]) {
      await assert.rejects(spool.receive(bodyOf(bytesOfSize(size)), { length: PART, maxBytes: PART }), RangeError);
    }
    assert.deepEqual(await readdir(folder), []);
    assert.equal(spool.reserved, 0);
  });

  it('reads not a byte of a body for which it has no room, and lets it in when there is some', async (t) => {
    const { spool } = await spoolOf(t, 2 * PART);
    const first = await spool.receive(bodyOf(bytesOfSize(PART)), { length: PART, maxBytes: PART });
    const second = await spool.receive(bodyOf(bytesOfSize(PART)), { length: PART, maxBytes: PART });
    let read = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      read += 1;
      yield bytesOfSize(PART);
    }
    const waiting = [1, 2].map(() => spool.receive(body(), { length: PART, maxBytes: PART }));
    await turns();
    assert.equal(read, 0);
    await first.remove();
    await waiting[0];
    assert.equal(read, 1);
    await second.remove();
    await waiting[1];
    assert.equal(spool.reserved, 2 * PART);
  });

  it('refuses a body as unavailable that has waited too long, with the time to come again', async (t) => {
    const { spool } = await spoolOf(t, PART, { timeout: 30 });
    const first = await spool.receive(bodyOf(bytesOfSize(PART)), { length: PART, maxBytes: PART });
    const refused = { code: 'unavailable', retryAfterSeconds: 5 };
    await assert.rejects(spool.receive(unread(), { length: PART, maxBytes: PART }), refused);
    // Who leaves the line does not keep others out that are small enough.
    await first.remove();
    await (await spool.receive(bodyOf(bytesOfSize(PART)), { length: PART, maxBytes: PART })).remove();
  });

  it('says what to set where a part is larger than all of it', async (t) => {
    const { spool } = await spoolOf(t, PART);
    await assert.rejects(spool.receive(unread(), { maxBytes: PART + 1 }), /Increase PARTWAY_SPOOL_SIZE/);
  });

  it('drops what it keeps when the room is needed: the longest kept first, and nothing that is being read', async (t) => {
    const { spool } = await spoolOf(t, 3 * PART);
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
    // Now all of it is in use: one body under way, and two that are being read, until one of these is released.
    const waiting = receive(spool);
    await turns();
    await spool.drop('d');
    await (await waiting).remove();
    await held.remove();
  });

  it('keeps one file under a key, and forgets all of an upload at once', async (t) => {
    const { spool, folder } = await spoolOf(t, 8 * PART);
    for (const key of ['one/0', 'one/0', 'one/1', 'other/0']) await spool.cache(key, await receive(spool));
    assert.equal((await readdir(folder)).length, 3);
    await spool.dropAll('one/');
    assert.equal((await readdir(folder)).length, 1);
    assert.equal(spool.reserved, PART);
  });

  it('begins empty, whatever lay in it', async (t) => {
    const { folder } = await spoolOf(t, PART);
    await writeFile(join(folder, '17'), 'from before');
    await Spool.open({ folder, size: PART, budget: new ByteBudget() });
    assert.deepEqual(await readdir(folder), []);
  });

  it('removes only what it made itself, and keeps what a file system has put into its folder', async (t) => {
    const { folder } = await spoolOf(t, PART);
    for (const name of ['0', '123', 'lost+found', '12a', '-1']) await writeFile(join(folder, name), 'from before');
    await Spool.open({ folder, size: PART, budget: new ByteBudget() });
    assert.deepEqual((await readdir(folder)).toSorted(), ['-1', '12a', 'lost+found']);
  });

  it('makes its folder for its owner alone', async (t) => {
    const { folder } = await spoolOf(t, PART);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  });

  it('drops what is being read after a minute, in which whoever reads has ended or died', async (t) => {
    let now = 1_000;
    t.mock.method(performance, 'now', () => now);
    const { spool } = await spoolOf(t, 2 * PART);
    for (const key of ['a', 'b']) await spool.cache(key, await receive(spool));
    for (const key of ['a', 'b']) assert.ok(spool.find(key));
    now += 59_999;
    const waiting = receive(spool);
    await turns();
    assert.ok(spool.find('b'), 'it was dropped');
    now += 1;
    // Whoever waits looks again when something else is released.
    await spool.drop('c');
    const another = receive(spool);
    await (await waiting).remove();
    await (await another).remove();
    assert.equal(spool.find('a'), undefined);
    assert.ok(spool.find('b'));
  });

  it('counts nothing against a user of what it only keeps', async (t) => {
    const { spool } = await spoolOf(t, 4 * PART);
    const by = 1 as UserId;
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      await spool.cache(key, await spool.receive(bodyOf(bytesOfSize(PART)), { length: PART, maxBytes: PART, by }));
    }
    assert.equal(spool.reserved, 4 * PART);
    assert.equal(spool.find('a'), undefined);
  });

  it('fails with the error of a folder in which it can make no file, and holds no room for that', async (t) => {
    const { spool, folder } = await spoolOf(t, PART);
    await rm(folder, { recursive: true });
    await assert.rejects(receive(spool), { code: 'ENOENT' });
    assert.equal(spool.reserved, 0);
  });

  it('takes a body of unknown length up to what it may have, and says how much one may have at most', async (t) => {
    const { spool } = await spoolOf(t, 2 * PART);
    assert.equal(spool.size, 2 * PART);
    for (const size of [0, 1, PART]) {
      const file = await spool.receive(bodyOf(bytesOfSize(size)), { maxBytes: PART });
      assert.equal((await stat(file.path)).size, size);
      assert.equal(spool.reserved, PART);
      await file.remove();
    }
  });

  it('on a full disk refuses as unavailable, drops what it keeps, and takes the part once there is room', async (t) => {
    await using disk = await smallDisk('2m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const ballast = join(disk.folder, 'ballast');
    const spool = await Spool.open({ folder: join(disk.folder, 'spool'), size: 2 ** 30, budget: new ByteBudget() });
    await spool.cache('kept', await receive(spool));
    await writeFile(ballast, Buffer.alloc(1536 * 1024));
    const large = () => spool.receive(bodyOf(bytesOfSize(2 ** 20)), { length: 2 ** 20, maxBytes: 2 ** 20 });
    await assert.rejects(large(), { code: 'unavailable', retryAfterSeconds: 5 });
    assert.equal(spool.find('kept'), undefined);
    await until(async () => spool.reserved === 0);
    await rm(ballast);
    await (await large()).remove();
  });
});

async function spoolOf(t: TestContext, size: number, options: { timeout?: number } = {}) {
  const folder = join(await temporaryFolder(t), 'spool');
  return { folder, spool: await Spool.open({ folder, size, budget: new ByteBudget(), ...options }) };
}

function receive(spool: Spool) {
  return spool.receive(bodyOf(bytesOfSize(PART)), { length: PART, maxBytes: PART });
}

async function* bodyOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.slice(at, at + 10_000);
}

// biome-ignore lint/correctness/useYield: it fails where it is read at all.
async function* unread(): AsyncGenerator<Uint8Array> {
  assert.fail('a body was read that has no room');
}

/** Long enough for whatever goes on by itself: many turns of the event loop. */
async function turns(): Promise<void> {
  for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
}
