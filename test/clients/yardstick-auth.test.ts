import assert from 'node:assert/strict';
import { BoxDeveloperTokenAuth, BoxOAuth, OAuthConfig } from 'box-node-sdk';
import { InMemoryTokenStorage } from 'box-node-sdk/box';
import { addUser } from '../support/accounts.ts';
import { present } from './generated/bodies.ts';
import { createClient, SERVER_AUTHS, userToken } from './yardstick/apps.ts';
import { type BoxSuite, boxSuite, type Checks, failsWith, newFile, newFolder, newName } from './yardstick/box-suite.ts';

/** Box's own addresses, regardless of the base URLs. */
const BOX = 'https://api.box.com/2.0';
const SCOPES = ['item_rename', 'item_preview'];

function withToken(suite: BoxSuite, token: string | undefined) {
  return createClient(suite, new BoxDeveloperTokenAuth({ token: present(token) }));
}

/** Asserts that a token limited to renaming and previewing one item can rename it but not delete it. */
async function assertRenamesOnly(
  suite: BoxSuite,
  token: string | undefined,
  item: { type: 'file' | 'folder'; id: string },
) {
  const { files, folders } = withToken(suite, token);
  const requestBody = { name: newName() };
  if (item.type === 'file') {
    await files.updateFileById(item.id, { requestBody });
    await assert.rejects(files.deleteFileById(item.id), failsWith(403));
  } else {
    await folders.updateFolderById(item.id, { requestBody });
    await assert.rejects(folders.deleteFolderById(item.id), failsWith(403));
  }
}

const ofServerAuths: Checks = Object.fromEntries(
  Object.entries(SERVER_AUTHS).flatMap(([kind, authOf]): [string, Checks[string]][] => [
    [
      `with ${kind}, an app acts as a user, and as its own user in its enterprise`,
      async (suite) => {
        const auth = await authOf(suite);
        const userId = await addUser(suite.server, `${newName()}@example.com`);

        const asUser = await createClient(suite, auth.withUserSubject(userId)).users.getUserMe();
        const service = createClient(suite, auth.withEnterpriseSubject('1'));
        const asEnterprise = await service.users.getUserMe({ fields: ['enterprise'] });

        assert.equal(asUser.id, userId);
        assert.equal(asEnterprise.enterprise?.id, '1');
        assert.notEqual(asEnterprise.id, userId);
      },
    ],
    [
      `a token from ${kind} can be downscoped to one file or one folder`,
      async (suite) => {
        const auth = await authOf(suite);
        const client = createClient(suite, auth);
        const downscope = async (path: string) =>
          (await auth.downscopeToken(SCOPES, `${BOX}/${path}`, undefined, suite.network)).accessToken;
        const { file } = await newFile({ client });
        const folder = await newFolder({ client });

        await assertRenamesOnly(suite, await downscope(`files/${file.id}`), { type: 'file', id: file.id });
        await assertRenamesOnly(suite, await downscope(`folders/${folder.id}`), { type: 'folder', id: folder.id });

        await client.files.deleteFileById(file.id);
        await client.folders.deleteFolderById(folder.id);
      },
    ],
    [
      `downscoping with ${kind} gets a token first if there is none, and a read-only token cannot upload`,
      async (suite) => {
        const auth = await authOf(suite);

        const { accessToken } = await auth.downscopeToken(['root_readonly'], undefined, undefined, suite.network);

        await assert.rejects(newFile({ client: withToken(suite, accessToken) }), failsWith(403));
      },
    ],
    [
      `a token from ${kind} can be revoked, and the next one is different`,
      async (suite) => {
        const auth = await authOf(suite);
        const before = await auth.retrieveToken(suite.network);

        await auth.revokeToken(suite.network);

        assert.notEqual((await auth.retrieveToken(suite.network)).accessToken, before.accessToken);
        await assert.rejects(withToken(suite, before.accessToken).users.getUserMe(), /Developer token has expired/);
      },
    ],
  ]),
);

boxSuite('auth', {
  ...ofServerAuths,

  'a developer token belongs to its user, can be downscoped, and can be revoked': async (suite) => {
    const { app, userId, token } = await userToken(suite);
    const auth = new BoxDeveloperTokenAuth({ token, config: app });
    const client = createClient(suite, auth);
    assert.equal((await client.users.getUserMe()).id, userId);

    const folder = await newFolder({ client });
    const resource = `${BOX}/folders/${folder.id}`;
    const { accessToken } = await auth.downscopeToken(SCOPES, resource, undefined, suite.network);
    await assertRenamesOnly(suite, accessToken, { type: 'folder', id: folder.id });
    await client.folders.deleteFolderById(folder.id);

    await auth.revokeToken(suite.network);
    await assert.rejects(auth.retrieveToken(suite.network), /No access token is available/);
  },

  'a token from a login can be downscoped and revoked': async (suite) => {
    const { app, token } = await userToken(suite);
    const tokenStorage = new InMemoryTokenStorage({ token: { accessToken: token } });
    const auth = new BoxOAuth({ config: new OAuthConfig({ ...app, tokenStorage }) });
    const client = createClient(suite, auth);

    const { file } = await newFile({ client });
    const resource = `${BOX}/files/${file.id}`;
    const { accessToken } = await auth.downscopeToken(SCOPES, resource, undefined, suite.network);
    await assertRenamesOnly(suite, accessToken, { type: 'file', id: file.id });

    await auth.revokeToken(suite.network);
    await assert.rejects(client.users.getUserMe(), failsWith(400));
  },

  'without a token, downscoping fails': async (suite) => {
    const resource = `${BOX}/folders/12345`;
    const unnamed = new BoxDeveloperTokenAuth({ token: '' });
    const strange = new BoxOAuth({ config: new OAuthConfig({ clientId: 'nobody', clientSecret: 'nothing' }) });

    await assert.rejects(unnamed.downscopeToken(SCOPES, resource, undefined, suite.network), failsWith(400));
    await assert.rejects(
      strange.downscopeToken(SCOPES, resource, undefined, suite.network),
      /Access and refresh tokens not available/,
    );
  },
});
