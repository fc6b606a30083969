import assert from 'node:assert/strict';
import { test } from 'node:test';
import fastify from 'fastify';
import { streamBodies } from '../../packages/server/src/http/request/bodies.ts';
import { RequestBody } from '../../packages/server/src/http/request/part-body.ts';

const BODY = 'x'.repeat(200_000);
const REPLACED = new Error('replaced');

/** Sends a body to a server that handles it with `handle`, and returns the response. */
async function send(handle: (body: RequestBody) => Promise<void>): Promise<Response> {
  const app = fastify({ forceCloseConnections: true });
  streamBodies(app);
  app.put('/', async (request, reply) => {
    await handle(new RequestBody(request, reply));
    return 'handled';
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    const response = await fetch(url, { method: 'PUT', body: BODY });
    await response.text();
    return response;
  } finally {
    await app.close();
  }
}

test('a body that is destroyed fails its reader and ends its waiting, and its client gets a response', async () => {
  const { status, headers } = await send(async (body) => {
    await assert.rejects(async () => {
      for await (const _chunk of body) body.destroy(REPLACED);
    }, REPLACED);
    assert.equal(body.signal.reason, REPLACED);
  });
  assert.deepEqual([status, headers.get('connection')], [200, 'close']);
});

test('a body that is destroyed before it is read fails its reader and ends its waiting', async () => {
  const { status } = await send(async (body) => {
    body.destroy(REPLACED);
    body.destroy(new Error('replaced again'));
    assert.equal(body.signal.reason, REPLACED);
    await assert.rejects(async () => {
      for await (const _chunk of body) assert.fail('a chunk was read');
    }, REPLACED);
  });
  assert.equal(status, 200);
});

test('a body that is destroyed while a chunk is awaited fails its reader at once', async () => {
  const { status } = await send(async (body) => {
    const chunks = body[Symbol.asyncIterator]();
    let read = 0;
    while (read < BODY.length) read += (await chunks.next()).value?.length ?? 0;
    const next = chunks.next();
    body.destroy(REPLACED);
    // The end of the body is either known already or not awaited any longer.
    await next.then(({ done }) => assert.equal(done, true)).catch((error) => assert.equal(error, REPLACED));
  });
  assert.equal(status, 200);
});

test('a body that was read to its end is not affected by being destroyed', async () => {
  const { status, headers } = await send(async (body) => {
    let read = 0;
    for await (const chunk of body) read += chunk.length;
    body.destroy(REPLACED);
    assert.equal(read, BODY.length);
    assert.equal(body.signal.aborted, false);
  });
  assert.deepEqual([status, headers.get('connection')], [200, 'keep-alive']);
});
