import assert from 'node:assert/strict';
import { test } from 'node:test';
import fastify, { type FastifyRequest } from 'fastify';
import { MAX_UNITS } from '../../packages/server/src/http/hooks/fair-share.ts';
import { chargeResponse, createFairShare, takeTurn } from '../../packages/server/src/http/hooks/fair-turns.ts';
import { classifyRoutes } from '../../packages/server/src/http/hooks/rate-limit.ts';
import { parseJsonBodies } from '../../packages/server/src/http/request/bodies.ts';
import { TestClock } from '../support/test-clock.ts';
import { until } from '../support/until.ts';

const BEARER = { config: { policy: 'bearer' as const } };
const STREAM = { config: { policy: 'bearer' as const, body: 'stream' as const } };

/** A server on a real socket that is busy as long as the test says so. Clients name their user in a header. */
async function startBusy() {
  const clock = new TestClock(Date.UTC(2026, 0, 1));
  const state = { load: 1 };
  const fair = createFairShare(clock, () => state.load);
  const app = fastify({ forceCloseConnections: true });
  app.decorateRequest('authority', undefined);
  app.addHook('onRequest', async (request: FastifyRequest) => {
    const userId = request.headers['x-user'];
    if (userId !== undefined) request.authority = { principal: { userId } } as never;
  });
  classifyRoutes(app);
  app.addHook('onRequest', (request, reply) => takeTurn(fair, request, reply));
  app.addHook('onSend', async (request, _reply, payload) => chargeResponse(fair, request, payload));
  parseJsonBodies(app);
  app.post('/items', { ...BEARER, bodyLimit: 8 * 1024 * 1024 }, async () => ({}));
  app.get('/list', BEARER, async () => ({ entries: 'x'.repeat(4 * 1024 * 1024) }));
  app.get('/healthz', { config: { policy: 'public' } }, async () => ({}));
  app.get('/downloads/:version', { config: { policy: 'signed-url' } }, async () => ({}));
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _body, done) => done(null));
    scope.put('/2.0/files/upload_sessions/:session_id', STREAM, async ({ raw }) => {
      raw.resume();
      return {};
    });
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const ask = async (user: string | undefined, path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, { ...init, headers: user === undefined ? {} : { 'x-user': user } });
    await response.arrayBuffer();
    return response.status;
  };
  /** Ends the wait of all requests, as if they had waited long enough. */
  const releaseAll = () => {
    clock.advance(60_000);
    fair.releaseDue();
  };
  return { fair, ask, releaseAll, [Symbol.asyncDispose]: () => app.close() };
}

test('on a busy server, a user who sent large bodies waits, but not for parts, downloads and health checks, and no other user waits', async () => {
  await using server = await startBusy();
  const { fair, ask, releaseAll } = server;
  assert.equal(await ask('small', '/items', { method: 'POST', body: '{}' }), 200);
  const large = { method: 'POST', body: JSON.stringify({ text: 'x'.repeat((MAX_UNITS + 1) * 32 * 1024) }) };
  assert.equal(await ask('large', '/items', large), 200);

  const waiting = ask('large', '/items', { method: 'POST', body: '{}' });
  await until(() => fair.waiting === 1);
  const part = { method: 'PUT', body: Buffer.alloc(1024 * 1024) };
  assert.equal(await ask('large', '/2.0/files/upload_sessions/1', part), 200);
  assert.equal(await ask(undefined, '/healthz'), 200);
  assert.equal(await ask(undefined, '/downloads/1'), 200);
  assert.equal(await ask('small', '/items', { method: 'POST', body: '{}' }), 200);
  assert.equal(fair.waiting, 1);
  releaseAll();
  assert.equal(await waiting, 200);
});

test('on a busy server, a user who received large responses waits', async () => {
  await using server = await startBusy();
  const { fair, ask, releaseAll } = server;
  await ask('small', '/items', { method: 'POST', body: '{}' });
  assert.equal(await ask('large', '/list'), 200);
  const waiting = ask('large', '/list');
  await until(() => fair.waiting === 1);
  releaseAll();
  assert.equal(await waiting, 200);
});

test('a waiting request ends when its client disconnects', async () => {
  await using server = await startBusy();
  const { fair, ask } = server;
  await ask('small', '/items', { method: 'POST', body: '{}' });
  await ask('large', '/list');
  const client = new AbortController();
  const waiting = ask('large', '/list', { signal: client.signal });
  await until(() => fair.waiting === 1);
  client.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  await until(() => fair.waiting === 0);
});
