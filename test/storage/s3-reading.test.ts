import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { ByteRange } from '../../packages/server/src/storage/blob-store.ts';
import { openObject } from '../../packages/server/src/storage/s3/object-reader.ts';
import type { S3Objects } from '../../packages/server/src/storage/s3/objects.ts';
import { bytesOfSize } from '../conformance/content-samples.ts';
import { until } from '../support/until.ts';

const CHUNK = 16 * 1024;
const SILENCE = 15_000;

describe('reading an object from S3', { timeout: 60_000 }, () => {
  it('gives its bytes, or a range of them, and asks S3 once', async () => {
    for (const range of [undefined, { first: 5, last: 3 * CHUNK }, { first: 0, last: 0 }, { first: 9, last: 9 }]) {
      const store = objectIn(bytesOfSize(4 * CHUNK + 3));
      const read = await readAll(await openObject(store.objects, 'k', range));
      assert.deepEqual(read, store.bytes.slice(range?.first ?? 0, (range?.last ?? store.bytes.length - 1) + 1));
      assert.deepEqual(store.asked, [range]);
    }
  });

  it('of no bytes ends at once', async () => {
    const store = objectIn(new Uint8Array());
    assert.equal((await readAll(await openObject(store.objects, 'k'))).length, 0);
    assert.equal(store.asked.length, 1);
  });

  it('goes on at the next byte after a break, up to the same end', async () => {
    const store = objectIn(bytesOfSize(4 * CHUNK));
    store.answers.push(
      (bytes) => breakingAfter(bytes, CHUNK),
      (bytes) => breakingAfter(bytes, 2 * CHUNK),
    );
    const read = await readAll(await openObject(store.objects, 'k', { first: 10, last: 4 * CHUNK - 6 }));
    assert.deepEqual(read, store.bytes.slice(10, 4 * CHUNK - 5));
    assert.deepEqual(store.asked, [
      { first: 10, last: 4 * CHUNK - 6 },
      { first: 10 + CHUNK, last: 4 * CHUNK - 6 },
      { first: 10 + 3 * CHUNK, last: 4 * CHUNK - 6 },
    ]);
  });

  it('goes on after an answer that ends before its bytes do without an error', async () => {
    const store = objectIn(bytesOfSize(2 * CHUNK));
    store.answers.push((bytes) => chunksOf(bytes.subarray(0, CHUNK)));
    assert.deepEqual(await readAll(await openObject(store.objects, 'k')), store.bytes);
    assert.equal(store.asked.length, 2);
  });

  it('gives no byte beyond those that were asked for, whatever S3 sends', async () => {
    const store = objectIn(bytesOfSize(2 * CHUNK));
    store.answers.push(() => chunksOf(Buffer.concat([store.bytes, store.bytes])));
    const read = await readAll(await openObject(store.objects, 'k', { first: 0, last: CHUNK + 4 }));
    assert.deepEqual(read, store.bytes.slice(0, CHUNK + 5));
  });

  it('stops asking after five answers in a row without a byte, and a byte begins the count anew', async () => {
    const store = objectIn(bytesOfSize(3 * CHUNK));
    store.answers.push((bytes) => breakingAfter(bytes, CHUNK));
    for (let n = 0; n < 3; n += 1) store.answers.push((bytes) => breakingAfter(bytes, 0));
    store.answers.push((bytes) => breakingAfter(bytes, CHUNK));
    for (let n = 0; n < 5; n += 1) store.answers.push((bytes) => breakingAfter(bytes, 0));
    const reading = await openObject(store.objects, 'k');
    await assert.rejects(readAll(reading), { code: 'unavailable' });
    assert.equal(store.asked.length, 10);
    assert.equal(store.answers.length, 0);
  });

  it('fails with what S3 says when it asks again', async () => {
    const store = objectIn(bytesOfSize(2 * CHUNK));
    store.answers.push((bytes) => breakingAfter(bytes, CHUNK));
    store.answers.push(() => {
      throw new Error('it is gone');
    });
    await assert.rejects(readAll(await openObject(store.objects, 'k')), /it is gone/);
  });

  it('takes S3 for away after 15 seconds without a byte that somebody waits for, and asks again', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const store = objectIn(bytesOfSize(3 * CHUNK));
    store.answers.push(
      (bytes) => silentAfter(bytes, CHUNK),
      (bytes) => silentAfter(bytes, CHUNK),
    );
    const reading = await openObject(store.objects, 'k');
    const reads = readAll(reading);
    for (const body of [0, 1]) {
      await turns();
      t.mock.timers.tick(SILENCE - 1);
      await turns();
      assert.equal(store.bodies[body]?.destroyed, false);
      t.mock.timers.tick(1);
      await turns();
      assert.equal(store.bodies[body]?.destroyed, true);
      await turns();
    }
    assert.deepEqual(await reads, store.bytes);
    assert.equal(store.asked.length, 3);
  });

  it('counts the silence from the last byte', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const store = objectIn(bytesOfSize(3 * CHUNK));
    const body = new Readable({ read() {} });
    store.answers.push(() => body);
    const reads = readAll(await openObject(store.objects, 'k'));
    for (let at = 0; at < store.bytes.length; at += CHUNK) {
      t.mock.timers.tick(SILENCE - 1);
      body.push(store.bytes.slice(at, at + CHUNK));
      await turns();
    }
    assert.deepEqual(await reads, store.bytes);
    assert.equal(store.asked.length, 1);
  });

  it('waits for a slow reader for as long as it takes, and holds little for it', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const store = objectIn(bytesOfSize(100 * CHUNK));
    const reading = await openObject(store.objects, 'k');
    const chunks: Buffer[] = [];
    reading.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      reading.pause();
    });
    for (let n = 1; n <= 5; n += 1) {
      await turns();
      assert.equal(chunks.length, n);
      t.mock.timers.tick(10 * SILENCE);
      await turns();
      assert.equal(store.bodies[0]?.destroyed, false);
      assert.ok(reading.readableLength <= 8 * CHUNK, String(reading.readableLength));
      reading.resume();
    }
    reading.removeAllListeners('data');
    reading.on('data', (chunk: Buffer) => chunks.push(chunk));
    reading.resume();
    while (!reading.readableEnded) await turns();
    assert.ok(Buffer.concat(chunks).equals(store.bytes));
    assert.equal(store.asked.length, 1);
  });

  it('lets go of its answer when its reader stops, and asks for no other', async () => {
    const store = objectIn(bytesOfSize(100 * CHUNK));
    for await (const _ of await openObject(store.objects, 'k')) break;
    assert.equal(store.bodies[0]?.destroyed, true);
    await turns();
    assert.equal(store.asked.length, 1);
  });

  it('ends also if its reader stops between two answers, or while S3 is asked', async () => {
    const store = objectIn(bytesOfSize(2 * CHUNK));
    store.answers.push(
      (bytes) => breakingAfter(bytes, 0),
      (bytes) => breakingAfter(bytes, 0),
    );
    const paused = await openObject(store.objects, 'k');
    paused.on('error', () => {}).resume();
    // The second try begins after a pause.
    await until(() => store.asked.length === 2 && store.bodies[1]?.destroyed === true);
    paused.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(store.asked.length, 2);

    const asked = Promise.withResolvers<void>();
    store.answers.push((bytes) => breakingAfter(bytes, 0));
    store.delay = async () => {
      if (store.asked.length === 4) await asked.promise;
    };
    const asking = await openObject(store.objects, 'k');
    asking.on('error', () => {}).resume();
    await until(() => store.asked.length === 4);
    asking.destroy();
    asked.resolve();
    await until(() => store.bodies.length === 4);
    await turns();
    assert.equal(store.bodies[3]?.destroyed, true);
  });
});

interface StoredObject {
  bytes: Uint8Array;
  objects: S3Objects;
  /** What S3 was asked for. */
  asked: (ByteRange | undefined)[];
  /** In place of whole answers, the first of them first. */
  answers: ((bytes: Uint8Array) => Readable)[];
  bodies: Readable[];
  delay: () => Promise<void>;
}

/** One object in S3, and what S3 answers. */
function objectIn(bytes: Uint8Array): StoredObject {
  const store: StoredObject = {
    bytes,
    asked: [],
    answers: [],
    bodies: [],
    delay: async () => {},
    objects: {
      async get(_key: string, range?: ByteRange) {
        store.asked.push(range);
        await store.delay();
        const asked = range === undefined ? bytes : bytes.slice(range.first, range.last + 1);
        const body = (store.answers.shift() ?? chunksOf)(asked);
        store.bodies.push(body);
        return { body, length: asked.length };
      },
    } as unknown as S3Objects,
  };
  return store;
}

function chunksOf(bytes: Uint8Array): Readable {
  return bodyOf(bytes, (body) => body.push(null));
}

function breakingAfter(bytes: Uint8Array, length: number): Readable {
  return bodyOf(bytes.subarray(0, length), (body) => body.destroy(new Error('broken off')));
}

function silentAfter(bytes: Uint8Array, length: number): Readable {
  return bodyOf(bytes.subarray(0, length), () => {});
}

function bodyOf(bytes: Uint8Array, end: (body: Readable) => void): Readable {
  let at = 0;
  return new Readable({
    highWaterMark: CHUNK,
    read() {
      setImmediate(() => {
        if (at >= bytes.length) return end(this);
        this.push(Buffer.from(bytes.subarray(at, at + CHUNK)));
        at += CHUNK;
      });
    },
  });
}

async function readAll(reading: Readable): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await reading.toArray()));
}

/** Long enough for whatever goes on by itself. */
async function turns(): Promise<void> {
  for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
}
