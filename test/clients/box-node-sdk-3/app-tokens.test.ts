import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addApp, addUser, type TestApp } from '../../support/accounts.ts';
import { seededBytes, sha1Hex } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { addSigningApp } from '../signing-app.ts';
import { legacyAppClient, legacySigningClient } from './sdk.ts';

describe('app tokens with box-node-sdk 3', () => {
  let server: TestServer;
  let app: TestApp;

  before(async () => {
    server = await startServer({ tls: true });
    app = await addApp(server);
  });
  after(() => server[Symbol.asyncDispose]());

  test('an app uploads as its own user', async () => {
    const client = legacyAppClient(server, app);
    const bytes = seededBytes(1000, 'an app uploads');

    const me = await client.users.get('me', { fields: 'enterprise' });
    const { entries } = await client.files.uploadFile('0', 'of-the-app.bin', bytes);

    assert.equal(me.enterprise?.id, app.enterpriseId);
    assert.equal(entries[0].sha1, sha1Hex(bytes));
  });

  test('an app can act as a user of the enterprise', async () => {
    const userId = await addUser(server, `${crypto.randomUUID()}@example.com`);

    const me = await legacyAppClient(server, app, userId).users.get('me');

    assert.equal(me.id, userId);
  });

  test('an app that signs its own assertions uploads as its own user', async () => {
    const client = legacySigningClient(server, await addSigningApp(server));
    const bytes = seededBytes(1000, 'a signing app uploads');

    const { entries } = await client.files.uploadFile('0', 'signed.bin', bytes);

    assert.equal(entries[0].sha1, sha1Hex(bytes));
  });
});
