import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { startPart } from './part-in-progress.ts';
import { WireClient } from './wire-client.ts';

const PART = 65_536;
const ENV = {
  PARTWAY_PART_SIZE: String(PART),
  PARTWAY_MIN_SESSION_SIZE: '0',
  PARTWAY_TOKEN: 'the-token-of-the-stop-tests',
};
const LIMIT = { timeout: 120_000 };

describe('a server that is stopping', LIMIT, () => {
  it('finishes a part in progress with 200, accepts nothing new, exits with 0, and has the part when it restarts', async () => {
    await using server = await startServer({ env: ENV });
    const client = new WireClient(server);
    const bytes = seededBytes(PART + 10, 'stop');
    const { id } = await client.create('stop.bin', bytes.length);
    const sending = await startPart(server, id, bytes.subarray(0, PART), bytes.length);

    const stopped = server.stop();
    await until(async () => !(await acceptsConnections(server)));
    sending.put.end(bytes.subarray(1000, PART));
    const { status, connection, body } = await sending.answer;
    assert.equal(status, 200, body);
    // Otherwise stopping would wait until the client closes its idle connection.
    assert.equal(connection, 'close');
    assert.equal(await stopped, 0);

    await server.restart();
    assert.deepEqual(await client.list(id), [JSON.parse(body).part]);
    await client.put(id, PART, bytes.subarray(PART), bytes.length);
    const file = await client.commit(id, await client.list(id), bytes);
    assert.equal(await client.downloadSha1(file.id), file.sha1);
  });

  it('responds only to the part on the connection that sends it', async () => {
    await using server = await startServer({ env: ENV });
    const bytes = seededBytes(PART, 'stop');
    const { id } = await new WireClient(server).create('stop.bin', bytes.length);
    const sending = await startPart(server, id, bytes, bytes.length);
    const stopped = server.stop();
    await until(async () => !(await acceptsConnections(server)));
    let answers = '';
    const socket = sending.put.socket ?? assert.fail();
    socket.on('data', (data: Buffer) => {
      answers += data.toString();
    });
    const closed = once(socket, 'close');
    sending.put.end(bytes.subarray(1000));
    socket.write(`GET /2.0/users/me HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${server.token}\r\n\r\n`);
    assert.equal((await sending.answer).status, 200);
    await closed;
    assert.equal(answers.match(/HTTP\/1.1 200/g)?.length, 1, answers);
    assert.equal(await stopped, 0);
  });

  it('waits for a stalled part no longer than its grace period, and acknowledges nothing of it', async () => {
    await using server = await startServer({ env: { ...ENV, PARTWAY_SHUTDOWN_GRACE: '300ms' } });
    const client = new WireClient(server);
    const bytes = seededBytes(PART, 'stop');
    const { id } = await client.create('stop.bin', bytes.length);
    const { answer } = await startPart(server, id, bytes, bytes.length);
    const cut = assert.rejects(answer, { code: 'ECONNRESET' });
    assert.equal(await server.stop(), 0);
    await cut;
    await server.restart();
    assert.deepEqual(await client.list(id), []);
    await client.put(id, 0, bytes, bytes.length);
    await client.commit(id, await client.list(id), bytes);
  });
});

describe('a second server for a data folder', LIMIT, () => {
  it('does not start while the first is running: it exits with 1 and names the process', async () => {
    await using first = await startServer({ env: ENV });
    await assert.rejects(startServer({ dataFolder: first.dataFolder }), (error: Error) => {
      assert.match(error.message, /exit code 1/);
      assert.match(error.message, new RegExp(`in use by process ${first.pid} on .*Stop that server first`));
      return true;
    });
    await new WireClient(first).create('still-here.bin', 10);
  });

  it('starts after the first was killed', async () => {
    await using first = await startServer({ env: ENV });
    const { id } = await new WireClient(first).create('kept.bin', 10);
    await first.kill();
    await using second = await startServer({ dataFolder: first.dataFolder, env: ENV });
    assert.deepEqual(await new WireClient(second).list(id), []);
  });
});

/** Whether the server accepts a new connection. */
async function acceptsConnections({ url }: TestServer): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const taken = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return taken;
}
