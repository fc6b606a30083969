import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { ByteRange } from '../../packages/server/src/storage/blob-store.ts';
import { openObject } from '../../packages/server/src/storage/s3/object-reader.ts';
import type { S3Objects } from '../../packages/server/src/storage/s3/objects.ts';
import { randomBytesOfSize } from '../conformance/blob-samples.ts';
import { until } from '../support/until.ts';

const CHUNK = 16 * 1024;
const IDLE_TIMEOUT = 15_000;

describe('reading an object from S3', { timeout: 60_000 }, () => {
  it('returns its bytes, or a range of them, with one request', async () => {
    for (const range of [undefined, { first: 5, last: 3 * CHUNK }, { first: 0, last: 0 }, { first: 9, last: 9 }]) {
      const store = createStoredObject(randomBytesOfSize(4 * CHUNK + 3));
      const read = await readAll(await openObject(store.objects, 'k', range));
      assert.deepEqual(read, store.bytes.slice(range?.first ?? 0, (range?.last ?? store.bytes.length - 1) + 1));
      await settle();
      assert.deepEqual(store.asked, [range]);
    }
  });

  it('of no bytes ends immediately', async () => {
    const store = createStoredObject(new Uint8Array());
    const reading = await openObject(store.objects, 'k');
    await once(store.bodies[0] as Readable, 'end');
    assert.equal((await readAll(reading)).length, 0);
    await settle();
    assert.equal(store.asked.length, 1);
  });

  it('continues at the next byte after an interruption, up to the same end', async () => {
    const store = createStoredObject(randomBytesOfSize(4 * CHUNK));
    store.responses.push(
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

  it('continues after a response that ends early without an error', async () => {
    const store = createStoredObject(randomBytesOfSize(2 * CHUNK));
    store.responses.push((bytes) => chunksOf(bytes.subarray(0, CHUNK)));
    assert.deepEqual(await readAll(await openObject(store.objects, 'k')), store.bytes);
    assert.equal(store.asked.length, 2);
  });

  it('returns no byte beyond the requested ones, whatever S3 sends', async () => {
    const store = createStoredObject(randomBytesOfSize(2 * CHUNK));
    store.responses.push(() => chunksOf(Buffer.concat([store.bytes, store.bytes])));
    const read = await readAll(await openObject(store.objects, 'k', { first: 0, last: CHUNK + 4 }));
    assert.deepEqual(read, store.bytes.slice(0, CHUNK + 5));
  });

  it('gives up after five consecutive responses without a byte; a byte resets the count', async () => {
    const store = createStoredObject(randomBytesOfSize(3 * CHUNK));
    store.responses.push((bytes) => breakingAfter(bytes, CHUNK));
    for (let n = 0; n < 3; n += 1) store.responses.push((bytes) => breakingAfter(bytes, 0));
    store.responses.push((bytes) => breakingAfter(bytes, CHUNK));
    for (let n = 0; n < 5; n += 1) store.responses.push((bytes) => breakingAfter(bytes, 0));
    const reading = await openObject(store.objects, 'k');
    const from = performance.now();
    await assert.rejects(readAll(reading), { code: 'unavailable' });
    // Pauses of 0, 200 and 400 ms, and of 0 to 800 ms. A timer may be up to a millisecond early.
    assert.ok(performance.now() - from >= 200 + 400 + 200 + 400 + 600 + 800 - 6);
    assert.equal(store.asked.length, 10);
    assert.equal(store.responses.length, 0);
  });

  it('fails with the error of S3 when it asks again', async () => {
    const store = createStoredObject(randomBytesOfSize(2 * CHUNK));
    store.responses.push((bytes) => breakingAfter(bytes, CHUNK));
    store.responses.push(() => {
      throw new Error('it is gone');
    });
    await assert.rejects(readAll(await openObject(store.objects, 'k')), /it is gone/);
  });

  it('treats S3 as unreachable after 15 seconds without a requested byte, and asks again', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const store = createStoredObject(randomBytesOfSize(3 * CHUNK));
    store.responses.push(
      (bytes) => silentAfter(bytes, CHUNK),
      (bytes) => silentAfter(bytes, 0),
    );
    const reading = await openObject(store.objects, 'k');
    const reads = readAll(reading);
    for (const body of [0, 1]) {
      // The pause before the next request is real.
      while (store.bodies.length <= body) await new Promise(setImmediate);
      await settle();
      t.mock.timers.tick(IDLE_TIMEOUT - 1);
      await settle();
      assert.equal(store.bodies[body]?.destroyed, false);
      t.mock.timers.tick(1);
      await settle();
      assert.equal(store.bodies[body]?.destroyed, true);
      await settle();
    }
    assert.deepEqual(await reads, store.bytes);
    assert.equal(store.asked.length, 3);
  });

  it('measures inactivity from the last byte', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const store = createStoredObject(randomBytesOfSize(3 * CHUNK));
    const body = new Readable({ read() {} });
    store.responses.push(() => body);
    const reads = readAll(await openObject(store.objects, 'k'));
    for (let at = 0; at < store.bytes.length; at += CHUNK) {
      t.mock.timers.tick(IDLE_TIMEOUT - 1);
      body.push(store.bytes.slice(at, at + CHUNK));
      await settle();
    }
    assert.deepEqual(await reads, store.bytes);
    assert.equal(store.asked.length, 1);
  });

  it('waits for a slow reader without a limit, and buffers little for it', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const store = createStoredObject(randomBytesOfSize(100 * CHUNK));
    const reading = await openObject(store.objects, 'k');
    const chunks: Buffer[] = [];
    reading.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      reading.pause();
    });
    for (let n = 1; n <= 5; n += 1) {
      await settle();
      assert.equal(chunks.length, n);
      t.mock.timers.tick(10 * IDLE_TIMEOUT);
      await settle();
      assert.equal(store.bodies[0]?.destroyed, false);
      assert.ok(reading.readableLength <= 8 * CHUNK, String(reading.readableLength));
      reading.resume();
    }
    reading.removeAllListeners('data');
    reading.on('data', (chunk: Buffer) => chunks.push(chunk));
    reading.resume();
    while (!reading.readableEnded) await settle();
    assert.ok(Buffer.concat(chunks).equals(store.bytes));
    assert.equal(store.asked.length, 1);
  });

  it('reads nothing before its reader does', async () => {
    const store = createStoredObject(randomBytesOfSize(100 * CHUNK));
    const reading = await openObject(store.objects, 'k');
    await settle();
    assert.equal(reading.readableLength, 0);
    reading.destroy();
  });

  it('closes its response when its reader stops, requests no other, and waits for nothing', async () => {
    const timers = countTimers();
    const store = createStoredObject(randomBytesOfSize(100 * CHUNK));
    for await (const _ of await openObject(store.objects, 'k')) break;
    assert.equal(store.bodies[0]?.destroyed, true);
    await settle();
    assert.equal(store.asked.length, 1);
    assert.equal(countTimers(), timers);
  });

  it('waits for nothing after its last byte', async () => {
    const timers = countTimers();
    const store = createStoredObject(randomBytesOfSize(CHUNK));
    const reading = await openObject(store.objects, 'k');
    const chunks: Buffer[] = [];
    reading.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(reading, 'close');
    assert.ok(Buffer.concat(chunks).equals(store.bytes));
    assert.equal(countTimers(), timers);
  });

  it('also ends if its reader stops between two responses, or during a request', async () => {
    const store = createStoredObject(randomBytesOfSize(2 * CHUNK));
    store.responses.push(
      (bytes) => breakingAfter(bytes, 0),
      (bytes) => breakingAfter(bytes, 0),
    );
    const paused = await openObject(store.objects, 'k');
    paused.on('error', () => {}).resume();
    // The second try starts after a pause.
    await until(() => store.asked.length === 2 && store.bodies[1]?.destroyed === true);
    paused.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(store.asked.length, 2);

    const asked = Promise.withResolvers<void>();
    store.responses.push((bytes) => breakingAfter(bytes, 0));
    store.delay = async () => {
      if (store.asked.length === 4) await asked.promise;
    };
    const asking = await openObject(store.objects, 'k');
    asking.on('error', () => {}).resume();
    await until(() => store.asked.length === 4);
    asking.destroy();
    asked.resolve();
    await until(() => store.bodies.length === 4);
    await settle();
    assert.equal(store.bodies[3]?.destroyed, true);
  });
});

interface StoredObject {
  bytes: Uint8Array;
  objects: S3Objects;
  /** The requests to S3. */
  asked: (ByteRange | undefined)[];
  /** Instead of complete responses, in order. */
  responses: ((bytes: Uint8Array) => Readable)[];
  bodies: Readable[];
  delay: () => Promise<void>;
}

/** One object in S3, and the responses of S3. */
function createStoredObject(bytes: Uint8Array): StoredObject {
  const store: StoredObject = {
    bytes,
    asked: [],
    responses: [],
    bodies: [],
    delay: async () => {},
    objects: {
      async get(_key: string, range?: ByteRange) {
        store.asked.push(range);
        await store.delay();
        const asked = range === undefined ? bytes : bytes.slice(range.first, range.last + 1);
        const body = (store.responses.shift() ?? chunksOf)(asked);
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

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

async function readAll(reading: Readable): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await reading.toArray()));
}

/** Waits for everything that happens without input. */
async function settle(): Promise<void> {
  for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
}
