import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { seededBytes } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import { type PartResponse, startPart } from './part-in-progress.ts';
import { WireClient } from './wire-client.ts';

const PART = 262_144;
const ENV = { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' };

describe('on real connections', { timeout: 120_000 }, () => {
  it('a part that is sent again is stored immediately while its first connection hangs, and that one gets 409 and is closed', async () => {
    await using server = await startServer({ env: ENV });
    const client = new WireClient(server);
    const bytes = seededBytes(PART + 5, 'half-open');
    const { id } = await client.create('half-open.bin', bytes.length);
    const [replaced, answers]: [Promise<unknown>[], Promise<PartResponse>[]] = [[], []];
    for (let tries = 0; tries < 3; tries++) {
      const { put, answer } = await startPart(server, id, bytes.subarray(0, PART), bytes.length);
      replaced.push(answer, once(put, 'close'));
      answers.push(answer);
    }
    await client.put(id, 0, bytes.subarray(0, PART), bytes.length);
    // Each request gets its response, and then its connection is closed, although most of its body is missing.
    await Promise.all(replaced);
    for (const { status, connection } of await Promise.all(answers)) {
      assert.deepEqual([status, connection], [409, 'close']);
    }
    await client.put(id, PART, bytes.subarray(PART), bytes.length);
    const file = await client.commit(id, await client.list(id), bytes);
    assert.equal(await client.downloadSha1(file.id), file.sha1);
  });

  it('a part whose connection is cut is not stored, and can be sent again immediately', async () => {
    await using server = await startServer({ env: { ...ENV, PARTWAY_LOG: 'info' } });
    const client = new WireClient(server);
    const bytes = seededBytes(PART, 'cut');
    const { id } = await client.create('cut.bin', bytes.length);
    for (let tries = 0; tries < 20; tries++) {
      const { put, answer } = await startPart(server, id, bytes, bytes.length);
      put.write(bytes.subarray(1000, 1000 + tries * 5000));
      const cut = assert.rejects(answer, { code: 'ECONNRESET' });
      put.destroy();
      await cut;
    }
    assert.deepEqual(await client.list(id), []);
    await client.put(id, 0, bytes, bytes.length);
    const file = await client.commit(id, await client.list(id), bytes);
    assert.equal(await client.downloadSha1(file.id), file.sha1);
    // This is not an error: the log has it, but at a level that alerts nobody.
    await server.waitForLog(/disconnected before its request was complete/);
    await server.stop();
    assert.ok(!server.stderr().includes('"level":50'));
  });

  it('a part in progress whose session is aborted is rejected, and nothing of it is kept', async () => {
    await using server = await startServer({ env: ENV });
    const client = new WireClient(server);
    const bytes = seededBytes(PART, 'aborted');
    const { id } = await client.create('aborted.bin', bytes.length);
    const { put, answer } = await startPart(server, id, bytes, bytes.length);
    await client.abort(id);
    put.end(bytes.subarray(1000));
    const { status, body } = await answer;
    assert.equal(status, 404, body);
    assert.equal(JSON.parse(body).code, 'upload_session_not_found');
    await assert.rejects(client.list(id), { status: 404 });
    await client.create('aborted.bin', bytes.length);
  });
});
