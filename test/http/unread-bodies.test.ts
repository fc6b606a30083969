import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { test } from 'node:test';
import fastify from 'fastify';
import { discardBody, streamBodies } from '../../packages/server/src/http/request/bodies.ts';

const MIB = 1024 * 1024;
const BODY = 64 * MIB;

test('an unread body is discarded without staying in memory, and the connection remains usable', async () => {
  const app = fastify({ bodyLimit: BODY });
  app.addHook('onRequest', async ({ raw }) => {
    Object.defineProperty(raw, '_dump', { value: discardBody });
  });
  app.addHook('onResponse', async ({ raw }) => {
    if (!raw.readableEnded) discardBody.call(raw);
  });
  await app.register(async (scope) => {
    streamBodies(scope);
    scope.post('/refused', async (_request, reply) => reply.code(403).send({ length: BODY }));
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    let received = '';
    client.setEncoding('latin1').on('data', (text: string) => {
      received += text;
    });
    const head = `POST /refused HTTP/1.1\r\nhost: x\r\ncontent-type: x/y\r\ncontent-length: ${BODY}\r\n\r\n`;
    client.write(head);
    const chunk = Buffer.alloc(MIB);
    let peak = 0;
    const before = process.memoryUsage().arrayBuffers;
    for (let sent = 0; sent < BODY; sent += chunk.length) {
      if (!client.write(chunk)) await once(client, 'drain');
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }
    assert.match(received, /^HTTP\/1.1 403 /);
    client.end(head.replace(String(BODY), '0'));
    await once(client, 'close');
    assert.equal(received.match(/HTTP\/1.1 403 /g)?.length, 2);
    assert.ok(peak < 8 * MIB, `${peak} bytes of ${BODY} were kept in memory`);
  } finally {
    await app.close();
  }
});
