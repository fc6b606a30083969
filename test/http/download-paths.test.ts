import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readConfig } from '../../packages/server/src/config/config.ts';
import { startServer as startInProcess } from '../../packages/server/src/server.ts';
import { WireClient } from '../faults/wire-client.ts';
import { seededBytes } from '../support/bytes.ts';
import { countOpenBlobs } from '../support/descriptors.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { noNative } from '../support/native.ts';
import { RawConnection, rawRequest } from '../support/raw-connection.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';

const noOpenFiles = bytesNotOnDisk ? `${bytesNotOnDisk}, and a download opens no file` : false;
const SIZE = 12_345_678;
const ENV = { PARTWAY_DOWNLOADS: 'direct', PARTWAY_MIN_SESSION_SIZE: '1000' };
const bytes = seededBytes(SIZE, 'download paths');

/** Uploads the file and returns its ID. */
async function uploadFile(server: { url: string; token: string }): Promise<string> {
  const client = new WireClient(server);
  const { id, part_size: partSize } = await client.create('downloads.bin', SIZE);
  for (let at = 0; at < SIZE; at += partSize) await client.put(id, at, bytes.subarray(at, at + partSize), SIZE);
  return (await client.commit(id, await client.list(id), bytes)).id;
}

// Downloads can be sent by native threads, or by Node.js. Clients notice no difference.
for (const path of ['fd', 'chunks', 'off']) {
  const skip = path === 'off' ? false : noNative || (bytesNotOnDisk ?? false);
  describe(`downloads with PARTWAY_NATIVE=${path}`, { skip, timeout: 120_000 }, () => {
    const env = { ...ENV, PARTWAY_NATIVE: path };
    let server: TestServer;
    let id: string;
    before(async () => {
      server = await startServer({ env });
      id = await uploadFile(server);
    });
    after(() => server[Symbol.asyncDispose]());

    const get = (range?: string, method = 'GET') =>
      rawRequest(`${method} /2.0/files/${id}/content`, [
        `authorization: Bearer ${server.token}`,
        ...(range === undefined ? [] : [`range: bytes=${range}`]),
      ]);
    const getMe = () => rawRequest('GET /2.0/users/me', [`authorization: Bearer ${server.token}`]);

    test('are sent in order, with the responses to other requests on the same connection', async () => {
      const connection = await RawConnection.open(server);
      const requests = [
        get(),
        getMe(),
        get('1000000-9999999'),
        get(undefined, 'HEAD'),
        get('-300000'),
        getMe(),
        get('0-9'),
      ];
      const methods = requests.map((request) => request.slice(0, request.indexOf(' ')));
      await connection.send(requests.join(''));
      const responses = await connection.responses(requests.length, methods);
      assert.deepEqual(
        responses.map(({ status }) => status),
        [200, 200, 206, 200, 206, 200, 206],
      );
      const bodies = responses.map(({ body }) => Buffer.from(body, 'latin1'));
      assert.ok(bodies[0]?.equals(bytes));
      assert.ok(bodies[2]?.equals(bytes.subarray(1_000_000, 10_000_000)));
      assert.equal(bodies[3]?.length, 0);
      assert.equal(responses[3]?.headers['content-length'], String(SIZE));
      assert.ok(bodies[4]?.equals(bytes.subarray(-300_000)));
      assert.ok(bodies[6]?.equals(bytes.subarray(0, 10)));
      connection.socket.destroy();
    });

    test('are sent to a client that has closed its side', async () => {
      const connection = await RawConnection.open(server);
      await connection.send(get());
      connection.finish();
      const [response] = await connection.closed(['GET']);
      assert.ok(Buffer.from(response?.body ?? '', 'latin1').equals(bytes));
    });

    test('wait for a client that does not read', { skip: noOpenFiles }, async () => {
      const connection = await RawConnection.open(server);
      connection.socket.pause();
      // More than the system buffers for a connection.
      await connection.send([get(), get(), get()].join(''));
      await until(() => countOpenBlobs(server.pid) > 0);
      connection.socket.resume();
      const responses = await connection.responses(3, ['GET', 'GET', 'GET']);
      for (const { body } of responses) assert.ok(Buffer.from(body, 'latin1').equals(bytes));
      connection.socket.destroy();
    });

    test('of clients that disconnect leave no warning in the log, and no file open', {
      skip: noOpenFiles,
    }, async () => {
      for (let n = 0; n < 20; n++) {
        const connection = await RawConnection.open(server);
        connection.socket.pause();
        await connection.send([get(), get()].join(''));
        await until(() => countOpenBlobs(server.pid) > 0);
        if (n % 2 === 0) connection.socket.destroy();
        else connection.socket.resetAndDestroy();
        await until(() => countOpenBlobs(server.pid) === 0);
      }
      assert.doesNotMatch(server.stderr(), /"level":[4-6]0/);
    });

    test('that are in progress end with the server', { skip: noOpenFiles }, async () => {
      await using server = await startServer({ env: { ...env, PARTWAY_SHUTDOWN_GRACE: '300ms' } });
      const id = await uploadFile(server);
      const connection = await RawConnection.open(server);
      connection.socket.pause();
      const one = rawRequest(`GET /2.0/files/${id}/content`, [`authorization: Bearer ${server.token}`]);
      await connection.send(one.repeat(3));
      await until(() => countOpenBlobs(server.pid) > 0);
      assert.equal(await server.stop(), 0);
      connection.socket.resume();
      await until(() => connection.socket.readableEnded || connection.socket.closed);
      assert.ok(connection.socket.bytesRead < 3 * SIZE);
      connection.socket.destroy();
    });

    test(`are sent by ${path === 'fd' ? 'native threads' : 'Node.js'}`, async () => {
      const sockets: Socket[] = [];
      const onRequest = (message: unknown) => sockets.push((message as { request: IncomingMessage }).request.socket);
      const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-download-paths-')));
      const settings = {
        PARTWAY_DATA: folder,
        PARTWAY_TOKEN: 'download-paths',
        PARTWAY_LISTEN: '127.0.0.1:0',
        PARTWAY_LOG: 'error',
      };
      const server = await startInProcess(readConfig({ ...env, ...settings }));
      await server.checked;
      try {
        const own = { url: server.url, token: 'download-paths' };
        const id = await uploadFile(own);
        subscribe('http.server.request.start', onRequest);
        const connection = await RawConnection.open(own);
        await connection.send(rawRequest(`GET /2.0/files/${id}/content`, [`authorization: Bearer ${own.token}`]));
        await connection.responses(1, ['GET']);
        const written = sockets[0]?.bytesWritten ?? 0;
        if (path === 'fd') assert.ok(written < 5_000, String(written));
        else assert.ok(written > SIZE, String(written));
        connection.socket.destroy();
      } finally {
        unsubscribe('http.server.request.start', onRequest);
        await server.stop();
      }
    });
  });
}

test('a download over TLS has exactly the bytes of the file, or of the range', async () => {
  await using server = await startServer({ tls: true, env: ENV });
  const { certificates } = server;
  assert.ok(certificates !== undefined);
  const ca = readFileSync(certificates.ca);
  const call = (method: string, path: string, extra: Record<string, string> = {}, body?: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      const headers = { authorization: `Bearer ${server.token}`, ...extra };
      requestHttps(`${server.url}/2.0/files/${path}`, { method, headers, ca, agent: false }, async (response) =>
        resolve(Buffer.concat(await response.toArray())),
      )
        .on('error', reject)
        .end(body);
    });
  const attributes = JSON.stringify({ name: 'tls.bin', parent: { id: '0' } });
  const form = [
    `--b\r\ncontent-disposition: form-data; name="attributes"\r\n\r\n${attributes}\r\n`,
    '--b\r\ncontent-disposition: form-data; name="file"; filename="tls.bin"\r\n\r\n',
    bytes,
    '\r\n--b--\r\n',
  ].map((piece) => Buffer.from(piece));
  const type = { 'content-type': 'multipart/form-data; boundary=b' };
  const uploaded = JSON.parse(String(await call('POST', 'content', type, Buffer.concat(form))));
  const path = `${uploaded.entries[0].id}/content`;
  assert.ok((await call('GET', path)).equals(bytes));
  assert.ok((await call('GET', path, { range: 'bytes=5-5000000' })).equals(bytes.subarray(5, 5_000_001)));
});
