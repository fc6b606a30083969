import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Native } from '../../packages/native/src/native.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { noNative, testNative } from '../support/native.ts';
import { until } from '../support/until.ts';
import { type Connection, close, openConnections } from './connections.ts';

const MIB = 1024 * 1024;
/** More than the system buffers for a connection. */
const SIZE = 24 * MIB;

describe('sending to a connection', { skip: noNative }, () => {
  const native = testNative as Native;
  const bytes = randomBytes(SIZE);
  let file: FileHandle;
  let connections: Awaited<ReturnType<typeof openConnections>>;
  before(async () => {
    file = await open(join(deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-send-'))), 'file'), 'w+');
    await file.write(bytes);
    connections = await openConnections();
  });
  after(async () => {
    connections?.close();
    await file?.close();
  });

  const place = (position: number, length: number) => ({ fd: file.fd, position, length });

  async function read(client: Socket, length: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let received = 0;
    client.on('data', (chunk) => {
      chunks.push(chunk);
      received += chunk.length;
    });
    await until(() => received >= length);
    return Buffer.concat(chunks);
  }

  test('sends exactly the range, whatever its size', async () => {
    for (const [position, length] of [
      [0, 1],
      [7, 0],
      [SIZE - 1, 1],
      [4_097, 3 * MIB + 1],
      [0, SIZE],
    ] as const) {
      const connection = await connections.open();
      const transfer = native.send(connection, place(position, length));
      const received = read(connection.client, length);
      await transfer.done;
      assert.equal(transfer.moved, length);
      assert.ok((await received).equals(bytes.subarray(position, position + length)));
      close(connection);
    }
  });

  test('waits for a client that does not read, and continues when it does', async () => {
    const connection = await connections.open();
    const transfer = native.send(connection, place(0, SIZE));
    await until(() => transfer.isWaiting);
    assert.ok(transfer.moved < SIZE);
    const received = read(connection.client, SIZE);
    await transfer.done;
    assert.equal(transfer.isWaiting, false);
    assert.ok((await received).equals(bytes));
    close(connection);
  });

  test('continues if the client has only closed its own side', async () => {
    const connection = await connections.open();
    connection.client.end();
    const transfer = native.send(connection, place(0, SIZE));
    await until(() => transfer.isWaiting);
    const received = read(connection.client, SIZE);
    await transfer.done;
    assert.ok((await received).equals(bytes));
    close(connection);
  });

  test('fails if the client disconnects, or the file is too short', async () => {
    const connection = await connections.open();
    const transfer = native.send(connection, place(0, SIZE));
    await until(() => transfer.isWaiting);
    connection.client.resetAndDestroy();
    await assert.rejects(transfer.done, (error: { code?: string }) =>
      ['ECONNRESET', 'EPIPE'].includes(error.code ?? ''),
    );
    close(connection);

    const other = await connections.open();
    other.client.resume();
    await assert.rejects(native.send(other, place(SIZE - 10, 11)).done, { code: 'EOF' });
    close(other);
  });

  test('ends when it is canceled', async () => {
    const connection = await connections.open();
    const transfer = native.send(connection, place(0, SIZE));
    await until(() => transfer.isWaiting);
    transfer.cancel();
    await assert.rejects(transfer.done, { code: 'ECANCELED' });
    // Canceled before a thread has started it.
    const early = native.send(connection, place(0, SIZE));
    early.cancel();
    await assert.rejects(early.done, { code: 'ECANCELED' });
    close(connection);
  });

  test('sends to many connections at a time, mixes up none, and leaves no descriptor open', async () => {
    const count = () => readdirSync('/proc/self/fd').length;
    const before = count();
    const many: Connection[] = [];
    while (many.length < 50) many.push(await connections.open());
    await Promise.all(
      many.map(async (connection, n) => {
        const length = 1 + n * 50_000;
        const transfer = native.send(connection, place(n * 1_000, length));
        if (n % 5 === 0) {
          connection.client.destroy();
          await transfer.done.catch(() => {});
          return close(connection);
        }
        const received = read(connection.client, length);
        await transfer.done;
        assert.ok((await received).equals(bytes.subarray(n * 1_000, n * 1_000 + length)));
        const closed = once(connection.client, 'close');
        close(connection);
        await closed;
      }),
    );
    await until(() => count() <= before);
  });
});
