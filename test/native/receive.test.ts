import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Native } from '../../packages/native/src/native.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { noNative, testNative } from '../support/native.ts';
import { until } from '../support/until.ts';
import { type Connection, close, openConnections } from './connections.ts';

const KIB = 1024;
const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');
const countDescriptors = () => readdirSync('/proc/self/fd').length;

describe('receiving from a connection', { skip: noNative }, () => {
  const native = testNative as Native;
  let folder: string;
  let path: string;
  let file: FileHandle;
  let connections: Awaited<ReturnType<typeof openConnections>>;
  before(async () => {
    folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-receive-')));
    path = join(folder, 'file');
    file = await open(path, 'w+');
    connections = await openConnections();
  });
  after(async () => {
    connections?.close();
    await file?.close();
  });

  const place = (length: number, position = 0) => ({ fd: file.fd, position, length });

  test('writes and hashes all bytes, however they arrive', async () => {
    for (const sizes of [[1], [700 * KIB], Array(200).fill(7), [1, 300 * KIB, 2, 64, 5_000], [3 * KIB * KIB]]) {
      const parts = sizes.map((size: number) => randomBytes(size));
      const bytes = Buffer.concat(parts);
      const connection = await connections.open();
      const [hash, second] = [native.createHash(), native.createHash()];
      await file.truncate(0);
      const transfer = native.receive(connection, place(bytes.length, 11), hash, second);
      for (const part of parts) await new Promise((resolve) => connection.client.write(part, resolve));
      await transfer.done;
      assert.equal(transfer.moved, bytes.length);
      assert.ok((await readFile(path)).subarray(11).equals(bytes));
      assert.equal(native.digest(hash), sha1(bytes));
      assert.equal(native.digest(second), sha1(bytes));
      close(connection);
    }
  });

  test('leaves what follows on the connection', async () => {
    const connection = await connections.open();
    const bytes = randomBytes(100 * KIB);
    connection.client.write(Buffer.concat([bytes, Buffer.from('the next request')]));
    const hash = native.createHash();
    await native.receive(connection, place(bytes.length), hash).done;
    assert.equal(native.digest(hash), sha1(bytes));
    connection.socket.resume();
    const [rest] = await once(connection.socket, 'data');
    assert.equal(String(rest), 'the next request');
    close(connection);
  });

  test('reports what it has received, and whether it waits for the client', async () => {
    const connection = await connections.open();
    const transfer = native.receive(connection, place(10), native.createHash());
    await until(() => transfer.isWaiting);
    assert.equal(transfer.moved, 0);
    connection.client.write('12345');
    await until(() => transfer.moved === 5);
    await until(() => transfer.isWaiting);
    connection.client.write('67890');
    await transfer.done;
    assert.equal(transfer.moved, 10);
    assert.equal(transfer.isWaiting, false);
    close(connection);
  });

  test('fails if the client ends or resets the connection before the last byte', async () => {
    for (const [end, code] of [
      [(client: Socket) => client.end(), 'EOF'],
      [(client: Socket) => client.resetAndDestroy(), 'ECONNRESET'],
    ] as const) {
      const connection = await connections.open();
      const transfer = native.receive(connection, place(10), native.createHash());
      connection.client.write('123');
      await until(() => transfer.moved === 3);
      end(connection.client);
      await assert.rejects(transfer.done, { code });
      close(connection);
    }
  });

  test('succeeds if the client ends the connection after the last byte', async () => {
    const connection = await connections.open();
    connection.client.end('0123456789');
    const hash = native.createHash();
    await native.receive(connection, place(10), hash).done;
    assert.equal(native.digest(hash), sha1(Buffer.from('0123456789')));
    close(connection);
  });

  test('ends when it is canceled, before, while or after bytes arrive', async () => {
    const idle = await connections.open();
    const waiting = native.receive(idle, place(10), native.createHash());
    await until(() => waiting.isWaiting);
    waiting.cancel();
    await assert.rejects(waiting.done, { code: 'ECANCELED' });
    waiting.cancel();
    close(idle);

    const busy = await connections.open();
    const receiving = native.receive(busy, place(2 ** 40), native.createHash());
    const bytes = randomBytes(KIB * KIB);
    const send = () => {
      if (busy.client.writable) busy.client.write(bytes, send);
    };
    send();
    await until(() => receiving.moved > 4 * bytes.length);
    receiving.cancel();
    await assert.rejects(receiving.done, { code: 'ECANCELED' });
    close(busy);
    await file.truncate(0);

    const quick = await connections.open();
    const canceled = native.receive(quick, place(10), native.createHash());
    canceled.cancel();
    await assert.rejects(canceled.done, { code: 'ECANCELED' });
    close(quick);
  });

  test('fails if the file cannot be written', async () => {
    const connection = await connections.open();
    connection.client.write(randomBytes(100));
    const full = await open('/dev/full', 'r+');
    const transfer = native.receive(connection, { fd: full.fd, position: 0, length: 100 }, native.createHash());
    await assert.rejects(transfer.done, { code: 'ENOSPC' });
    await full.close();
    close(connection);
  });

  test('rejects a descriptor that is not open, or no connection', async () => {
    await assert.rejects(native.receive({ fd: 99_999 }, place(10), native.createHash()).done, { code: 'EBADF' });
    await assert.rejects(native.receive({ fd: file.fd }, place(10), native.createHash()).done, { code: 'ENOTSOCK' });
  });

  test('receives from many connections at a time, mixes up none, and leaves no descriptor open', async () => {
    const before = countDescriptors();
    const many: Connection[] = [];
    while (many.length < 200) many.push(await connections.open());
    await Promise.all(
      many.map(async (connection, n) => {
        const bytes = randomBytes(1 + n * 500);
        const hash = native.createHash();
        const transfer = native.receive(connection, place(bytes.length, n * 200 * KIB), hash);
        for (let at = 0; at < bytes.length; at += 10_007) connection.client.write(bytes.subarray(at, at + 10_007));
        if (n % 3 === 0) {
          transfer.cancel();
          await transfer.done.catch(() => {});
        } else {
          await transfer.done;
          assert.equal(native.digest(hash), sha1(bytes));
        }
        close(connection);
      }),
    );
    await until(() => countDescriptors() <= before);
  });
});
