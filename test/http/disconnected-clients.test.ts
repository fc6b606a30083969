import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { Connections } from '../../packages/server/src/http/connections/connections.ts';
import { findDisconnected } from '../../packages/server/src/http/connections/disconnects.ts';
import { TcpTable } from '../../packages/server/src/http/connections/tcp-table.ts';
import { openLog } from '../../packages/server/src/logging/logger.ts';
import { RawConnection, rawRequest } from '../support/raw-connection.ts';
import { until } from '../support/until.ts';

const SENT = Buffer.alloc(100_000, 'x');
const PACE = { windowMillis: 200, bytes: 1 };

/** A server that reads no body by itself, like one with a busy disk, and the requests that it received. */
async function busyServer(answer: (response: ServerResponse) => void = () => {}, responsePace = PACE) {
  const server = createServer({ highWaterMark: 16 * 1024 });
  const requests: { request: IncomingMessage; response: ServerResponse }[] = [];
  const settings = { maxPipelined: 10, bodyPace: PACE, responsePace, errorHeaders: () => ({}) };
  const connections = new Connections(settings, openLog('silent'));
  server.on('clientError', (error, socket) => connections.rejectBadSyntax(error, socket as Socket));
  connections.serve(server, (request, response) => {
    request.on('error', () => {});
    requests.push({ request, response });
    answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

for (const [how, leave] of [
  ['closes its connection', (socket) => socket.destroy()],
  ['resets its connection', (socket) => socket.resetAndDestroy()],
] as [string, (socket: RawConnection['socket']) => void][]) {
  test(`a client that ${how} in the middle of its body is noticed even while the body is not being read`, async (t) => {
    if (process.platform !== 'linux') return t.skip('only Linux reports this');
    await using server = await busyServer();
    const staying = await RawConnection.open(server);
    await staying.send(rawRequest('PUT /', ['content-length: 10000000']));
    await staying.send(SENT);
    const clients = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await RawConnection.open(server);
        await client.send(rawRequest('PUT /', ['content-length: 10000000']));
        await client.send(SENT);
        return client;
      }),
    );
    await until(() => server.requests.length === 51);
    for (const { socket } of clients) leave(socket);
    await until(() => server.requests.filter(({ request }) => request.destroyed).length === 50);
    assert.equal(server.requests[0]?.request.destroyed, false);
    staying.socket.destroy();
  });
}

test('a client that half-closes the connection in the middle of its body gets an error even while the body is not being read', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux reports this');
  await using server = await busyServer();
  const client = await RawConnection.open(server);
  await client.send(rawRequest('PUT /', ['content-length: 10000000']));
  await client.send(SENT);
  client.finish();
  const [response] = await client.closed();
  assert.equal(response?.status, 400);
  assert.equal(response?.headers.connection, 'close');
  await until(() => server.requests[0]?.request.destroyed === true);
});

test('a client that has sent everything and half-closed the connection is not treated as disconnected', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux reports this');
  await using server = await busyServer();
  const waiting = await RawConnection.open(server);
  await waiting.send(rawRequest('PUT /', [`content-length: ${SENT.length}`]));
  await waiting.send(SENT);
  waiting.finish();
  await until(() => server.requests.length === 1);

  // When this client is noticed, the first one has been checked, too. Three rounds.
  for (let look = 0; look < 3; look++) {
    const disconnected = await RawConnection.open(server);
    await disconnected.send(rawRequest('PUT /', ['content-length: 10000000']));
    await disconnected.send(SENT);
    await until(() => server.requests.length === 2 + look);
    disconnected.socket.destroy();
    await until(() => server.requests.at(-1)?.request.destroyed === true);
  }
  const [first] = server.requests;
  assert.ok(first !== undefined && !first.request.destroyed);
  const body = Buffer.concat(await first.request.toArray());
  first.response.end(String(body.length));
  const [answer] = await waiting.closed();
  assert.equal(answer?.body, String(SENT.length));
});

test("a connection that is missing from the system's table once is not treated as disconnected", async () => {
  await using server = await busyServer();
  const client = await RawConnection.open(server);
  await client.send(rawRequest('PUT /', ['content-length: 10000000']));
  await until(() => server.requests.length === 1);
  const { socket } = server.requests[0]?.request ?? assert.fail();
  for (const [found, tables] of [
    [0, [new TcpTable(), await TcpTable.read()]],
    [1, [new TcpTable(), new TcpTable()]],
  ] as const) {
    const left = [...tables];
    const disconnected = await findDisconnected([{ socket, missing: 10_000_000 }], async () => left.shift());
    assert.equal(disconnected.length, found);
  }
  client.socket.destroy();
});

test('a response that was sent to its end arrives complete even if the body of its request breaks off', async () => {
  const large = 'x'.repeat(20_000_000);
  await using server = await busyServer((response) => response.end(large), { ...PACE, windowMillis: 60_000 });
  const client = await RawConnection.open(server);
  client.socket.pause();
  await client.send(rawRequest('PUT /', ['content-length: 100'], 'begun'));
  await until(() => server.requests.length === 1);
  client.finish();
  // By now, the server knows that no more bytes will arrive.
  await until(() => server.requests[0]?.request.socket.readableEnded === true);
  client.socket.resume();
  const [response] = await client.closed();
  assert.equal(response?.body.length, large.length);
});
