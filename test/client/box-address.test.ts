import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createClient, memoryStateStore } from '../../packages/client/src/node/index.ts';
import { startConnectProxy } from '../clients/rclone/connect-proxy.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';

test('Box is reached at its own hosts, over https and through the proxy of the environment', async () => {
  await using server = await startServer({
    tls: true,
    env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1', PARTWAY_SHUTDOWN_GRACE: '0s' },
  });
  // A proxy that leads Box's hosts to this server, whose certificate has their names.
  const hosts = ['api.box.com:443', 'upload.box.com:443'];
  await using proxy = await startConnectProxy(Number(new URL(server.url).port), hosts);
  const before = process.env.HTTPS_PROXY;
  process.env.HTTPS_PROXY = proxy.url;
  try {
    const client = createClient({
      server: 'https://api.box.com',
      token: server.token,
      ca: await readFile(server.certificates?.ca ?? ''),
      store: memoryStateStore(),
    });
    assert.deepEqual(
      [client.addresses.upload, client.addresses.authorize],
      ['https://upload.box.com/api', 'https://account.box.com/api/oauth2/authorize'],
    );
    const bytes = seededBytes(300_000, 'box');
    const { file } = await client.uploadFile(bytes, { name: 'at box.bin', sessionFrom: 1 });
    assert.equal(file.sha1, sha1Hex(bytes));
    const { body } = await client.downloads.downloadFile(file.id);
    assert.equal(sha1Hex(Buffer.from(await new Response(body).arrayBuffer())), file.sha1);
    client.close();

    const untrusting = createClient({ server: 'https://api.box.com', token: server.token, store: false });
    await assert.rejects(untrusting.users.getUserMe({ retries: 0 }), { name: 'TransportError' });
    untrusting.close();
  } finally {
    if (before === undefined) delete process.env.HTTPS_PROXY;
    else process.env.HTTPS_PROXY = before;
  }
});
