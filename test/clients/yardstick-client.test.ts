import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { BoxCcgAuth, type BoxClient, CcgConfig } from 'box-node-sdk';
import { type AddedApp, partwayJson } from '../auth/operator.ts';
import { seededBytes } from '../support/bytes.ts';
import { present, streamOf } from './generated/bodies.ts';
import { createClient } from './yardstick/apps.ts';
import { type BoxSuite, boxSuite, newFile, newFolder, newName } from './yardstick/box-suite.ts';

const json = (value: unknown) => value as Record<string, string>;

/** An app that can act as any user, authenticated as itself. */
async function createImpersonatingClient(suite: BoxSuite): Promise<BoxClient> {
  const app = await partwayJson<AddedApp>(suite.server, 'app', 'add', 'acts', '--as-user');
  const { client_id: clientId, client_secret: clientSecret, enterprise_id: enterpriseId } = app;
  return createClient(suite, new BoxCcgAuth({ config: new CcgConfig({ clientId, clientSecret, enterpriseId }) }));
}

boxSuite('the client itself', {
  'custom requests create, update, read and delete a folder': async ({ client, server }) => {
    const folders = `${server.url}/2.0/folders`;
    const name = newName();
    const made = await client.makeRequest({ method: 'post', url: folders, data: { name, parent: { id: '0' } } });
    const { id } = json(made.data);
    const url = `${folders}/${id}`;
    const other = newName();

    const updated = await client.makeRequest({ method: 'put', url, data: { name: other } });
    const read = await client.makeRequest({ method: 'GET', url });
    const deleted = await client.makeRequest({ method: 'DELETE', url });

    assert.deepEqual(
      [made, updated, read, deleted].map(({ status }) => status),
      [201, 200, 200, 204],
    );
    assert.deepEqual([json(made.data).name, json(updated.data).name, json(read.data).name], [name, other, other]);
    assert.deepEqual([json(updated.data).id, json(read.data).id], [id, id]);
  },

  'a custom multipart request has the folder as a number': async ({ client, server }) => {
    const folder = await newFolder({ client });
    const attributes = { name: `${newName()}.pdf`, parent: { id: Number(folder.id) } };
    const bytes = seededBytes(1024 * 1024, 'multipart');

    const { status } = await client.makeRequest({
      method: 'POST',
      url: `${server.url}/api/2.0/files/content`,
      contentType: 'multipart/form-data',
      multipartData: [
        { partName: 'attributes', data: attributes },
        { partName: 'file', fileStream: streamOf(bytes) },
      ],
    });

    assert.equal(status, 201);
    await client.folders.deleteFolderById(folder.id, { queryParams: { recursive: true } });
  },

  'a custom binary request returns the bytes of a file': async ({ client, server }) => {
    const { file, bytes } = await newFile({ client });
    const url = `${server.url}/2.0/files/${file.id}/content`;

    const answer = await client.makeRequest({ method: 'GET', url, responseFormat: 'binary' });

    assert.equal(answer.status, 200);
    assert.deepEqual(await buffer(present(answer.content)), bytes);
  },

  'an app acts as a user with the As-User header, set in either way': async (suite) => {
    const app = await createImpersonatingClient(suite);
    const name = newName();
    const user = await app.users.createUser({ name, isPlatformAccessOnly: true });

    for (const acting of [app.withAsUserHeader(user.id), app.withExtraHeaders({ 'As-User': user.id })]) {
      assert.equal((await acting.users.getUserMe()).name, name);
    }
    assert.notEqual((await app.users.getUserMe()).name, name);
    await app.users.deleteUserById(user.id);
  },

  'a client that suppresses notifications is served normally': async ({ client }) => {
    assert.ok((await client.withSuppressedNotifications().users.getUserMe()).id);
  },

  'the role of a user is only returned if it is requested': async ({ client }) => {
    assert.equal((await client.users.getUserMe()).role, undefined);
    assert.ok((await client.users.getUserMe({ fields: ['role'] })).role);
  },
});
