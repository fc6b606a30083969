import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { findLocalAddress, resolveHost } from '../../packages/server/src/http/addresses.ts';
import { listAudiences } from '../../packages/server/src/http/routes/oauth-token.ts';

const SETTINGS = { publicUrl: undefined, tls: undefined };

test('a request whose client has disconnected has no audience and no host, and handling it does not fail', async () => {
  const open = { audiences: [] as string[], host: '' as string | undefined };
  const server = createServer().listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, '127.0.0.1').on('error', () => {});
    client.write('POST /oauth2/token HTTP/1.0\r\n\r\n');
    const [request] = (await once(server, 'request')) as [IncomingMessage];
    open.audiences = listAudiences({ raw: request } as FastifyRequest, SETTINGS);
    assert.equal(resolveHost(request), undefined);
    open.host = request.headers.host;

    const closed = once(
      request.socket.on('error', () => {}),
      'close',
    );
    client.destroy();
    request.socket.resume();
    await closed;
    assert.deepEqual(listAudiences({ raw: request } as FastifyRequest, SETTINGS), []);
    delete request.headers.host;
    assert.equal(resolveHost(request)?.code, 'bad_request');
    assert.equal(open.host, `127.0.0.1:${port}`);
    assert.ok(open.audiences.includes(`http://localhost:${port}/oauth2/token`));
    assert.ok(open.audiences.includes(`http://127.0.0.1:${port}/oauth2/token`));
  } finally {
    server.close();
  }
});

test('the address that a client connected to is formatted for a URL', () => {
  for (const [localAddress, host] of [
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::1', '[::1]'],
    ['fe80::1%eth0', '[fe80::1]'],
  ]) {
    assert.deepEqual(findLocalAddress({ localAddress, localPort: 4400 } as Socket), { host, port: 4400 });
  }
});
