import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../packages/server/src/config/config.ts';
import { startServer as startInProcess } from '../../packages/server/src/server.ts';
import { WireClient } from '../faults/wire-client.ts';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { noNative } from '../support/native.ts';
import { RawConnection, rawRequest } from '../support/raw-connection.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { until } from '../support/until.ts';

const PART = 262_144;
const TOTAL = 4 * PART;
const ENV = { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '1000' };
/** Connections that are dropped in the middle of a part. */
const DROPPED = Number(process.env.PARTWAY_TEST_DROPS ?? 300);
/** Far fewer than connections that are dropped. */
const FEW = 8;

// Parts can be received by native threads, by Node.js for native threads, or by Node.js alone. Clients notice no difference.
for (const path of ['fd', 'chunks', 'off']) {
  const skip = path === 'off' ? false : noNative || (bytesNotOnDisk ?? false);
  describe(`parts with PARTWAY_NATIVE=${path}`, { skip, timeout: 240_000 }, () => {
    const env = { ...ENV, PARTWAY_NATIVE: path, PARTWAY_BODY_TIMEOUT: '2s' };
    const file = seededBytes(TOTAL, path);
    const bytesOf = (index: number) => file.subarray(index * PART, (index + 1) * PART);

    /** A request for a part as it is sent over the wire, without its body. */
    function put(
      { token }: TestServer,
      id: string,
      index: number,
      headers: string[] = [],
      digest = sha1Base64(bytesOf(index)),
    ) {
      const first = index * PART;
      return rawRequest(`PUT /2.0/files/upload_sessions/${id}`, [
        `authorization: Bearer ${token}`,
        `digest: sha=${digest}`,
        `content-range: bytes ${first}-${first + PART - 1}/${TOTAL}`,
        `content-length: ${PART}`,
        ...headers,
      ]);
    }

    const getMe = ({ token }: TestServer) => rawRequest('GET /2.0/users/me', [`authorization: Bearer ${token}`]);

    let server: TestServer;
    before(async () => {
      server = await startServer({ env });
    });
    after(() => server[Symbol.asyncDispose]());

    let uploads = 0;
    async function startUpload(at = server) {
      const api = new Api(at);
      const { id } = await api.createSession(`file ${uploads++}`, TOTAL);
      const listParts = async () => {
        const { json } = await api.get(`/files/upload_sessions/${id}/parts`);
        return (json.entries as { offset: number }[]).map(({ offset }) => offset / PART);
      };
      return { id, listParts };
    }

    test('are answered in order, with the requests that follow on the same connection', async () => {
      const { id, listParts } = await startUpload();
      const stream = [
        put(server, id, 0),
        bytesOf(0),
        getMe(server),
        put(server, id, 1),
        bytesOf(1),
        put(server, id, 2),
        bytesOf(2),
        getMe(server),
      ];
      const connection = await RawConnection.open(server);
      await connection.send(Buffer.concat(stream.map((part) => Buffer.from(part))));
      const responses = await connection.responses(5);
      assert.deepEqual(
        responses.map(({ status }) => status),
        [200, 200, 200, 200, 200],
      );
      assert.deepEqual(
        responses.map(({ body }) => Object.keys(JSON.parse(body)).includes('part')),
        [true, false, true, true, false],
      );
      assert.deepEqual(await listParts(), [0, 1, 2]);
      connection.socket.destroy();
    });

    test('are stored in however many pieces they arrive', async () => {
      const { id, listParts } = await startUpload();
      const connection = await RawConnection.open(server);
      for (const [index, sizes] of [[1], [0, 1, 1, 1, 49_999], [PART - 1, 1], [16_384, 65_536, 3]].entries()) {
        const head = Buffer.from(put(server, id, index));
        // The first piece is sent together with the headers.
        await connection.send(Buffer.concat([head, bytesOf(index).subarray(0, sizes[0])]));
        let at = sizes[0] as number;
        for (let n = 1; at < PART; n++) {
          const size = sizes[n % sizes.length] || 70_000;
          // Small pieces would otherwise be sent together.
          await new Promise(setImmediate);
          await connection.send(bytesOf(index).subarray(at, at + size));
          at += size;
        }
        const responses = await connection.responses(index + 1);
        assert.equal(responses.at(-1)?.status, 200, responses.at(-1)?.body);
      }
      assert.deepEqual(await listParts(), [0, 1, 2, 3]);
      connection.socket.destroy();
    });

    test('with a wrong digest are rejected, and the connection can be used for the right ones', async () => {
      const { id, listParts } = await startUpload();
      const connection = await RawConnection.open(server);
      for (const [n, digest, status] of [
        [1, sha1Base64(bytesOf(1)), 400],
        [2, sha1Base64(bytesOf(0)), 200],
        [3, sha1Base64(bytesOf(1)), 409],
      ] as const) {
        await connection.send(put(server, id, 0, [], digest));
        await connection.send(n === 3 ? bytesOf(1) : bytesOf(0));
        assert.equal((await connection.responses(n)).at(-1)?.status, status);
      }
      await connection.send(getMe(server));
      assert.equal((await connection.responses(4)).at(-1)?.status, 200);
      assert.deepEqual(await listParts(), [0]);
      connection.socket.destroy();
    });

    test('are asked for with 100 Continue if the client waits for it', async () => {
      const { id } = await startUpload();
      const connection = await RawConnection.open(server);
      await connection.send(put(server, id, 0, ['expect: 100-continue']));
      await until(() => connection.bytes.includes('HTTP/1.1 100 '));
      await connection.send(bytesOf(0));
      assert.equal((await connection.responses(1))[0]?.status, 200);
      connection.socket.destroy();
    });

    test('get 400 if the client ends its side of the connection before the last byte, and 200 after it', async () => {
      const { id, listParts } = await startUpload();
      for (const [sent, status] of [
        [100_000, 400],
        [PART, 200],
      ] as const) {
        const connection = await RawConnection.open(server);
        await connection.send(put(server, id, 0));
        await connection.send(bytesOf(0).subarray(0, sent));
        connection.finish();
        assert.deepEqual(
          (await connection.closed()).map((response) => response.status),
          [status],
        );
      }
      assert.deepEqual(await listParts(), [0]);
    });

    test('get 408 if they stop arriving', async () => {
      const { id, listParts } = await startUpload();
      const connection = await RawConnection.open(server);
      await connection.send(put(server, id, 0));
      await connection.send(bytesOf(0).subarray(0, 100_000));
      const [response] = await connection.closed();
      assert.equal(response?.status, 408);
      assert.deepEqual(await listParts(), []);
    });

    test('take as long as they need if they keep arriving', async () => {
      const { id } = await startUpload();
      const connection = await RawConnection.open(server);
      await connection.send(put(server, id, 0));
      const end = performance.now() + 5_000;
      let at = 0;
      for (; performance.now() < end; at += 2_000) {
        await connection.send(bytesOf(0).subarray(at, at + 2_000));
        await sleep(100);
      }
      await connection.send(bytesOf(0).subarray(at));
      assert.equal((await connection.responses(1))[0]?.status, 200);
      connection.socket.destroy();
    });

    test('that are in progress end with the server', async () => {
      await using server = await startServer({ env: { ...env, PARTWAY_SHUTDOWN_GRACE: '300ms' } });
      const { id, listParts } = await startUpload(server);
      const connections = await Promise.all([0, 1, 2].map(() => RawConnection.open(server)));
      for (const [index, connection] of connections.entries()) {
        await connection.send(put(server, id, index));
        await connection.send(bytesOf(index).subarray(0, 100_000));
      }
      assert.equal(await server.stop(), 0);
      for (const connection of connections) await connection.closed();
      await server.restart();
      assert.deepEqual(await listParts(), []);
    });

    test(`of ${DROPPED} connections that are cut leave no descriptor and no thread behind, and can be sent again`, async () => {
      const { id, listParts } = await startUpload();
      const count = (what: string) => readdirSync(`/proc/${server.pid}/${what}`).length;
      const drop = async (n: number) => {
        const connection = await RawConnection.open(server);
        await connection.send(put(server, id, n % 4));
        await connection.send(bytesOf(n % 4).subarray(0, (n * 7_919) % PART));
        if (n % 2 === 0) connection.socket.destroy();
        else connection.socket.resetAndDestroy();
      };
      const before = { fd: count('fd'), task: count('task') };
      for (let n = 0; n < DROPPED; n += 10) await Promise.all(Array.from({ length: 10 }, (_, k) => drop(n + k)));
      // The server may have opened a few for itself, such as the table of connections that it reads.
      await until(() => count('fd') <= before.fd + FEW);
      assert.ok(count('task') <= before.task + FEW);
      const connection = await RawConnection.open(server);
      for (const index of [3, 2, 1, 0]) {
        await connection.send(Buffer.concat([Buffer.from(put(server, id, index)), bytesOf(index)]));
        assert.equal((await connection.responses(4 - index)).at(-1)?.status, 200);
      }
      assert.deepEqual(await listParts(), [0, 1, 2, 3]);
      connection.socket.destroy();
    });

    test('in any order, at the same time, become the file that was sent', async () => {
      const client = new WireClient(server);
      const bytes = seededBytes(23 * PART + 77, `whole ${path}`);
      const { id } = await client.create('whole.bin', bytes.length);
      const offsets = Array.from({ length: 24 }, (_, index) => ((index * 7) % 24) * PART);
      const lane = async () => {
        for (let at = offsets.pop(); at !== undefined; at = offsets.pop()) {
          await client.put(id, at, bytes.subarray(at, at + PART), bytes.length);
        }
      };
      await Promise.all([lane(), lane(), lane(), lane()]);
      const { id: fileId, sha1 } = await client.commit(id, await client.list(id), bytes);
      assert.equal(await client.downloadSha1(fileId), sha1);
    });

    test(`are received by ${path === 'fd' ? 'native threads' : 'Node.js'}`, async () => {
      const sockets: Socket[] = [];
      const onRequest = (message: unknown) => sockets.push((message as { request: IncomingMessage }).request.socket);
      subscribe('http.server.request.start', onRequest);
      const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-part-paths-')));
      const settings = {
        PARTWAY_DATA: folder,
        PARTWAY_TOKEN: 'part-paths',
        PARTWAY_LISTEN: '127.0.0.1:0',
        PARTWAY_LOG: 'error',
      };
      const server = await startInProcess(readConfig({ ...env, ...settings }));
      await server.checked;
      try {
        const client = new WireClient({ url: server.url, token: settings.PARTWAY_TOKEN });
        const { id } = await client.create('path.bin', TOTAL);
        for (const index of [0, 1, 2, 3]) await client.put(id, index * PART, bytesOf(index), TOTAL);
        const read = [...new Set(sockets)].reduce((sum, { bytesRead }) => sum + bytesRead, 0);
        if (path === 'fd') assert.ok(read < TOTAL, `${read} of ${TOTAL} bytes came through Node.js`);
        else assert.ok(read > TOTAL);
      } finally {
        unsubscribe('http.server.request.start', onRequest);
        await server.stop();
      }
    });
  });
}
