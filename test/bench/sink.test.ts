import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BenchBody } from '../../bench/body.ts';
import { partHeaders } from '../../bench/load/partway.ts';
import { findSink } from '../../bench/peers/sink.ts';
import { MIB } from '../../bench/support.ts';
import { deleteAtExit } from '../support/leftovers.ts';

const sink = findSink({ sha1: true });
const skip = 'missing' in sink && sink.missing;

test('the sink writes each part at its position', { skip }, () =>
  withSink(async (put, file) => {
    const body = new BenchBody();
    const size = 3 * MIB + 5;
    for (const [offset, length] of [
      [2 * MIB, MIB + 5],
      [0, 2 * MIB],
    ] as const) {
      assert.equal(await put(partHeaders(body, { offset, length, size }), body.bytes(offset, length)), 201);
    }
    assert.deepEqual(readFileSync(file), body.bytes(0, size));
  }),
);

test('the sink rejects a part with another SHA-1', { skip }, () =>
  withSink(async (put) => {
    const body = new BenchBody();
    const headers = partHeaders(body, { offset: 0, length: 1000, size: 1000 });
    assert.equal(await put(headers, Buffer.alloc(1000)), 400);
  }),
);

type Put = (headers: Record<string, string>, body: Buffer) => Promise<number>;

async function withSink(use: (put: Put, file: string) => Promise<void>): Promise<void> {
  assert.ok(!('missing' in sink));
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-test-sink-')));
  const { url, stop } = await sink.start(folder);
  try {
    const put: Put = async (headers, body) =>
      (await fetch(`${url}/file`, { method: 'PUT', headers, body: new Uint8Array(body) })).status;
    await use(put, join(folder, 'sink'));
  } finally {
    await stop();
  }
}
