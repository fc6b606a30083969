import assert from 'node:assert/strict';
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type NodeClient, UnexpectedResponse, type UploadProgress } from '../../packages/client/src/node/index.ts';
import { PartMemory } from '../../packages/client/src/node/part-memory.ts';
import { createSource } from '../../packages/client/src/node/source.ts';
import { renderDigest } from '../../packages/client/src/upload/part-sender.ts';
import type { ReadPlan, UploadSource } from '../../packages/client/src/upload/source.ts';
import { uploadFile } from '../../packages/client/src/upload/upload-file.ts';
import type { UploadOptions } from '../../packages/client/src/upload-options.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { createTestClient, PART_SIZE, sha1OnServer, startSmallPartsServer, temporaryFolder } from './client-fixture.ts';
import { type Fault, startFaultProxy } from './fault-proxy.ts';
import { errorResponse, isCommit, isCreate, isPartList, isPut, uploadThrough } from './uploads-through-proxy.ts';

const OVERLAP = 'range_overlaps_existing_part';

test('a digest is sent in base64, and only a SHA-1 is one', () => {
  assert.equal(renderDigest('da39a3ee5e6b4b0d3255bfef95601890afd80709'), 'sha=2jmj7l5rSw0yVb/vlWAYkK/YBwk=');
  assert.throws(() => renderDigest('da39'), TypeError);
});

// These tests mostly wait, so they run concurrently.
describe('parts of an upload', { concurrency: 4 }, () => {
  const bytes = seededBytes(2 * PART_SIZE - 100, 'parts');
  const sha1 = sha1Hex(bytes);
  let server: TestServer;
  let direct: NodeClient;
  let uploads = 0;
  const newName = () => `parts ${++uploads}`;
  before(async () => {
    server = await startSmallPartsServer();
    direct = createTestClient(server);
  });
  after(async () => {
    direct.close();
    await server[Symbol.asyncDispose]();
  });

  /** Uploads two parts with a fault for each request to upload the first one, by its number from 1. */
  async function uploadWithFaults(faultOf: (number: number) => Fault | undefined, options: UploadOptions = {}) {
    let puts = 0;
    return uploadThrough(server, bytes, { name: newName(), parallel: 1, ...options }, (seen) => {
      if (!isPut(seen) || !seen.headers['content-range']?.startsWith('bytes 0-')) return undefined;
      puts += 1;
      return faultOf(puts);
    });
  }

  /** Uploads through a proxy from a source that reports how it is read. */
  async function uploadWatched(
    content: Buffer,
    options: UploadOptions,
    watch: SourceWatcher,
    waitFor: () => Promise<unknown> | undefined = () => undefined,
  ) {
    await using proxy = await startFaultProxy(server, (seen) => {
      const wait = isPut(seen) ? waitFor() : undefined;
      return wait && { waitFor: wait };
    });
    const client = createTestClient(server, proxy);
    const given = { name: newName(), sessionFrom: 1, ...options };
    const source = watchSource(await createSource(content, given, new PartMemory()), watch);
    const done = await uploadFile(client, source, given, hashWhole);
    client.close();
    return done;
  }

  test('a source is read for one part more than the concurrent requests, of which there are 1 to 8', async () => {
    for (const [parallel, expected] of [
      [undefined, 8],
      [-1, 1],
      [0, 1],
      [1, 1],
      [2, 2],
      [3.9, 3],
      [8, 8],
      [9, 8],
    ] as const) {
      const plans: ReadPlan[] = [];
      await uploadWatched(bytes, { parallel }, { onPlan: (plan) => plans.push(plan) });
      assert.deepEqual(plans, [{ partSize: PART_SIZE, memory: 128 * 1024 * 1024, parts: expected + 1 }]);
    }
    const plans: ReadPlan[] = [];
    await uploadWatched(bytes, { memory: 99 }, { onPlan: (plan) => plans.push(plan) });
    assert.equal(plans[0]?.memory, 99);
  });

  for (const [parallel, memory, expected] of [
    [1, undefined, 2],
    [3, undefined, 4],
    [3, 2 * PART_SIZE, 2],
  ] as const) {
    test(`with ${parallel} concurrent requests and ${memory ?? 'enough'} bytes of memory, at most ${expected} parts are kept`, async () => {
      const content = seededBytes(12 * PART_SIZE, `kept ${parallel}`);
      let unreleased = 0;
      let most = 0;
      const onUnreleased = (count: number) => {
        unreleased = count;
        most = Math.max(most, count);
      };
      // The first requests wait until as many parts have been read as are allowed.
      const reached = () => until(() => most >= expected);
      const { file } = await uploadWatched(content, { parallel, memory }, { onUnreleased }, reached);
      assert.deepEqual([file.sha1, most, unreleased], [sha1Hex(content), expected, 0]);
    });
  }

  for (const parallel of [1, 3]) {
    test(`${parallel} requests are sent at the same time if ${parallel} are allowed, and never more`, async () => {
      const content = seededBytes(12 * PART_SIZE, `parallel ${parallel}`);
      let active = 0;
      let most = 0;
      await using proxy = await startFaultProxy(server, (seen) => {
        if (!isPut(seen)) return undefined;
        active += 1;
        most = Math.max(most, active);
        return { waitFor: until(() => most >= parallel).then(() => (active -= 1)) };
      });
      const client = createTestClient(server, proxy);
      const { file } = await client.uploadFile(content, { name: `parallel ${parallel}`, sessionFrom: 1, parallel });
      assert.deepEqual([file.sha1, most], [sha1Hex(content), parallel]);
      client.close();
    });
  }

  test('a part whose response was lost or replaced by a 5xx is looked up, and not sent again if it arrived', async () => {
    for (const fault of [
      { loseResponse: true },
      { answerAfter: { status: 500 } },
      { answerAfter: { status: 502 } },
      { answerAfter: { status: 504 } },
    ] satisfies Fault[]) {
      const { file, count, events } = await uploadWithFaults((number) => (number === 1 ? fault : undefined));
      assert.deepEqual([file?.sha1, count(isPut), count(isPartList)], [sha1, 2, 1]);
      assert.equal(events.of('retrying').length, 1);
    }
  });

  test('a part that the server refused because of load is sent again without a query', async () => {
    for (const [status, code] of [
      [429, 'rate_limit_exceeded'],
      [408, 'request_timeout'],
      [409, 'operation_blocked_temporary'],
    ] as const) {
      const { file, count } = await uploadWithFaults((number) =>
        number === 1 ? errorResponse(status, code) : undefined,
      );
      assert.deepEqual([file?.sha1, count(isPut), count(isPartList)], [sha1, 3, 0]);
    }
  });

  test('a Retry-After delays all parts except one that was about to be sent', async () => {
    const content = seededBytes(4 * PART_SIZE, 'delayed');
    const sentAt: number[] = [];
    const { file } = await uploadThrough(server, content, { name: newName(), parallel: 1 }, (seen) => {
      if (!isPut(seen)) return undefined;
      sentAt.push(seen.at);
      return sentAt.length === 1 ? errorResponse(429, 'rate_limit_exceeded', { 'retry-after': '2' }) : undefined;
    });
    assert.equal(file?.sha1, sha1Hex(content));
    const [refusedAt = 0, ...later] = sentAt;
    assert.equal(later.length, 4);
    assert.ok(later.filter((at) => at - refusedAt < 2_000).length <= 1, `${sentAt}`);
  });

  test('the stored parts are listed again after each further failure', async () => {
    const { file, count } = await uploadWithFaults((number) => {
      if (number === 1) return errorResponse(500, 'internal_server_error');
      return number === 2 ? { answerAfter: { status: 500 } } : undefined;
    });
    assert.deepEqual([file?.sha1, count(isPut), count(isPartList)], [sha1, 3, 2]);
  });

  test("a response that is not the server's fails the upload if the part is not stored", async () => {
    const page = { answer: { status: 200, text: '<html>' } };
    const { error, count, events } = await uploadWithFaults(() => page);
    assert.ok(error instanceof UnexpectedResponse);
    assert.deepEqual([count(isPartList), count(isCommit)], [1, 0]);
    assert.equal(events.of('stopped')[0]?.resumable, true);
  });

  test('only a 409 about an overlap is one', async () => {
    for (const [status, code] of [
      [400, OVERLAP],
      [409, 'conflict'],
    ] as const) {
      const { error, count } = await uploadWithFaults(() => errorResponse(status, code));
      assert.deepEqual([error?.code, count(isPartList)], [code, 0]);
    }
  });

  test('a part that overlaps itself is stored, and is not sent again', async () => {
    const overlap = errorResponse(409, OVERLAP).answer;
    const { file, count, events } = await uploadWithFaults((number) =>
      number === 1 && overlap !== undefined ? { answerAfter: overlap } : undefined,
    );
    assert.deepEqual([file?.sha1, count(isPut), count(isPartList)], [sha1, 2, 1]);
    assert.deepEqual(events.types(), ['session-created']);
  });

  for (const [what, fault] of [
    ['is refused', errorResponse(429, 'rate_limit_exceeded')],
    ['overlaps a part that is not listed', errorResponse(409, OVERLAP)],
  ] as const) {
    test(`each wait for a part that ${what} is about twice as long as the one before`, async () => {
      const { file, count, events } = await uploadWithFaults((number) => (number <= 3 ? fault : undefined));
      assert.deepEqual([file?.sha1, count(isPut)], [sha1, 5]);
      const waits = events.of('retrying').map(({ waitMillis }) => waitMillis);
      assert.equal(waits.length, 3);
      for (const [index, millis] of waits.entries()) {
        const longest = 400 * 2 ** index;
        assert.ok(millis >= longest / 2 && millis <= longest, `${waits}`);
      }
    });
  }

  test('progress shows that a part failed, how often it was sent, and nothing of its failed attempts', async () => {
    const states = new Set<string>();
    let last: UploadProgress | undefined;
    const { file } = await uploadWithFaults(
      (number) => (number === 1 ? errorResponse(503, 'unavailable') : undefined),
      {
        progressInterval: 1,
        onProgress(progress) {
          last = progress;
          for (const { state } of progress.parts) states.add(state);
        },
      },
    );
    assert.equal(file?.sha1, sha1);
    assert.ok(states.has('failed'));
    assert.deepEqual(
      last?.parts.map(({ tries, state, sent }) => [tries, state, sent]),
      [
        [2, 'sent', 0],
        [1, 'sent', 0],
      ],
    );
  });

  test('a failure halves the number of concurrent requests, which is reported', async () => {
    const reports: number[] = [];
    const { events, file } = await uploadWithFaults(
      (number) => (number === 1 ? errorResponse(429, 'load') : undefined),
      {
        parallel: 4,
        onProgress: ({ phase, parallel }) => phase === 'sending' && reports.push(parallel),
      },
    );
    assert.equal(file?.sha1, sha1);
    assert.deepEqual(
      events.of('parallel').map(({ parallel }) => parallel),
      [2],
    );
    assert.equal(reports[0], 4);
  });

  test('an upload whose stored parts disappear with their session while they are listed restarts', async () => {
    let puts = 0;
    const { file, events } = await uploadThrough(server, bytes, { name: newName(), parallel: 1 }, (seen) => {
      if (isPut(seen)) puts += 1;
      if (isPut(seen) && puts === 1) return { answer: { status: 502 } };
      return isPartList(seen) ? errorResponse(404, 'not_found') : undefined;
    });
    assert.equal(file?.sha1, sha1);
    assert.deepEqual(
      events.of('restarted').map(({ reason }) => reason),
      ['session-gone'],
    );
  });

  test('an upload that is canceled before its stored parts are read again reads none of them', async () => {
    await using proxy = await startFaultProxy(server, (seen) =>
      isCommit(seen) ? errorResponse(507, 'insufficient_storage') : undefined,
    );
    const client = createTestClient(server, proxy);
    const options = { name: newName(), sessionFrom: 1 };
    await assert.rejects(client.uploadFile(bytes, options), { status: 507 });
    const cancel = new AbortController();
    let hashed = 0;
    const source = watchSource(await createSource(bytes, options, new PartMemory()), { onHash: () => (hashed += 1) });
    const stopped = uploadFile(
      client,
      source,
      {
        ...options,
        signal: cancel.signal,
        onEvent: ({ type }) => type === 'resumed' && cancel.abort(new Error('enough')),
      },
      hashWhole,
    );
    await assert.rejects(stopped, /enough/);
    assert.equal(hashed, 0);
    client.close();
  });

  test('a stream that fails during an upload fails it with its own error', async () => {
    async function* failing() {
      yield bytes.subarray(0, PART_SIZE);
      throw new Error('The tape broke.');
    }
    for (const repeatable of [false, true]) {
      const source = repeatable ? failing : failing();
      const options = { name: newName(), size: bytes.length };
      const { error, events, count } = await uploadThrough(server, source, options);
      assert.match(String(error), /The tape broke\./);
      assert.deepEqual([events.of('restarted'), count(isCreate), count(isCommit)], [[], 1, 0]);
    }
  });

  test('a stream that ends early is reported once and read only once', async () => {
    let opened = 0;
    async function* short() {
      opened += 1;
      yield bytes.subarray(0, PART_SIZE + 1);
    }
    const options = { name: newName(), size: bytes.length };
    const { error, events } = await uploadThrough(server, short, options);
    assert.match(String(error), /declared size/);
    assert.deepEqual([events.of('restarted'), opened], [[], 1]);
  });

  test('a file that is truncated before its next part is read is uploaded again with its new bytes', async () => {
    const path = join(await temporaryFolder(), 'truncated.bin');
    await writeFile(path, seededBytes(12 * PART_SIZE, 'truncated'));
    let truncated = false;
    const { file, events } = await uploadThrough(server, path, { name: newName(), parallel: 1 }, (seen) => {
      if (!isPut(seen) || truncated) return undefined;
      truncated = true;
      return { before: () => writeFile(path, bytes) };
    });
    assert.equal(await sha1OnServer(server, file?.id ?? ''), sha1);
    assert.deepEqual(
      events.of('restarted').map(({ reason }) => reason),
      ['source-changed'],
    );
    await unlink(path);
  });
});

/** The files of these tests are uploaded in parts, and never hashed as a whole. */
const hashWhole = () => Promise.reject(new Error('a small file is hashed'));

interface SourceWatcher {
  onPlan?(plan: ReadPlan): void;
  /** Called with the number of parts that are read or being read, and not released. */
  onUnreleased?(count: number): void;
  /** Called for each stored part that is read again. */
  onHash?(): void;
}

/** A source that reports how it is read. */
function watchSource(source: UploadSource, { onPlan, onUnreleased, onHash }: SourceWatcher): UploadSource {
  let unreleased = 0;
  const count = (change: 1 | -1) => {
    unreleased += change;
    onUnreleased?.(unreleased);
  };
  return {
    ...source,
    async open(plan) {
      onPlan?.(plan);
      const reader = await source.open(plan);
      return {
        ...reader,
        async readPart(offset, size) {
          count(1);
          const part = await reader.readPart(offset, size);
          return {
            ...part,
            release() {
              count(-1);
              part.release();
            },
          };
        },
        hashPart(offset, size) {
          onHash?.();
          return reader.hashPart(offset, size);
        },
      };
    },
  };
}
