import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addApp, addUser, type TestApp } from '../../support/accounts.ts';
import { seededBytes, sha1Hex } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { addSigningApp } from '../signing-app.ts';
import { present, streamOf } from './bodies.ts';
import { type GeneratedSdk, hasCode } from './sdk.ts';

export function testAppTokens(sdk: GeneratedSdk): void {
  describe(`app tokens with ${sdk.name}`, () => {
    let server: TestServer;
    let app: TestApp;

    before(async () => {
      server = await startServer();
      app = await addApp(server);
    });
    after(() => server[Symbol.asyncDispose]());

    test('an app has its own user, whose files no other user can access', async () => {
      const client = sdk.connectAsApp(server, app);
      const bytes = seededBytes(1000, 'an app uploads');

      const me = await client.users.getUserMe({ fields: ['enterprise'] });
      const attributes = { name: 'of-the-app.bin', parent: { id: '0' } };
      const uploaded = await client.uploads.uploadFile({ attributes, file: streamOf(bytes) });

      const file = present(uploaded.entries?.[0]);
      assert.equal(me.enterprise?.id, app.enterpriseId);
      assert.equal(file.sha1, sha1Hex(bytes));
      assert.equal(file.ownedBy?.id, me.id);
      await assert.rejects(sdk.connect(server).files.getFileById(file.id), hasCode(sdk, 404, 'not_found'));
    });

    test('an app can act as a user of the enterprise', async () => {
      const userId = await addUser(server, `${crypto.randomUUID()}@example.com`);

      const me = await sdk.connectAsApp(server, app, userId).users.getUserMe();

      assert.equal(me.id, userId);
    });

    test('an app that signs its own assertions has its own user', async () => {
      const client = sdk.connectWithJwt(server, await addSigningApp(server));

      const me = await client.users.getUserMe({ fields: ['enterprise'] });

      assert.equal(me.enterprise?.id, app.enterpriseId);
      assert.equal((await client.folders.getFolderItems('0')).totalCount, 0);
    });

    test('a wrong secret gets no token', async () => {
      const stranger = sdk.connectAsApp(server, { ...app, clientSecret: 'not-the-secret-of-the-app' });

      await assert.rejects(stranger.users.getUserMe(), (error) => sdk.getResponse(error)?.statusCode === 400);
    });
  });
}
