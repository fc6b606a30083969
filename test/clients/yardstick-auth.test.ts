import assert from 'node:assert/strict';
import { BoxDeveloperTokenAuth, BoxOAuth, OAuthConfig } from 'box-node-sdk';
import { InMemoryTokenStorage } from 'box-node-sdk/box';
import { addUser } from '../support/accounts.ts';
import { given } from './generated/bodies.ts';
import { clientOf, SERVER_AUTHS, userToken } from './yardstick/apps.ts';
import { answered, type Checks, newFile, newFolder, newName, type Yard, yardstick } from './yardstick/yard.ts';

/** Box's own addresses, whatever the base URLs are. */
const BOX = 'https://api.box.com/2.0';
const SCOPES = ['item_rename', 'item_preview'];

function withToken(yard: Yard, token: string | undefined) {
  return clientOf(yard, new BoxDeveloperTokenAuth({ token: given(token) }));
}

/** A token for renaming and preview of one item renames it, and does not delete it. */
async function renamesOnly(yard: Yard, token: string | undefined, item: { type: 'file' | 'folder'; id: string }) {
  const { files, folders } = withToken(yard, token);
  const requestBody = { name: newName() };
  if (item.type === 'file') {
    await files.updateFileById(item.id, { requestBody });
    await assert.rejects(files.deleteFileById(item.id), answered(403));
  } else {
    await folders.updateFolderById(item.id, { requestBody });
    await assert.rejects(folders.deleteFolderById(item.id), answered(403));
  }
}

const ofServerAuths: Checks = Object.fromEntries(
  Object.entries(SERVER_AUTHS).flatMap(([kind, authOf]): [string, Checks[string]][] => [
    [
      `with ${kind} an app acts as a user, and as a user of its own in its enterprise`,
      async (yard) => {
        const auth = await authOf(yard);
        const userId = await addUser(yard.server, `${newName()}@example.com`);

        const asUser = await clientOf(yard, auth.withUserSubject(userId)).users.getUserMe();
        const service = clientOf(yard, auth.withEnterpriseSubject('1'));
        const asEnterprise = await service.users.getUserMe({ fields: ['enterprise'] });

        assert.equal(asUser.id, userId);
        assert.equal(asEnterprise.enterprise?.id, '1');
        assert.notEqual(asEnterprise.id, userId);
      },
    ],
    [
      `a token got with ${kind} is narrowed to one file, and to one folder`,
      async (yard) => {
        const auth = await authOf(yard);
        const client = clientOf(yard, auth);
        const narrowed = async (path: string) =>
          (await auth.downscopeToken(SCOPES, `${BOX}/${path}`, undefined, yard.network)).accessToken;
        const { file } = await newFile({ client });
        const folder = await newFolder({ client });

        await renamesOnly(yard, await narrowed(`files/${file.id}`), { type: 'file', id: file.id });
        await renamesOnly(yard, await narrowed(`folders/${folder.id}`), { type: 'folder', id: folder.id });

        await client.files.deleteFileById(file.id);
        await client.folders.deleteFolderById(folder.id);
      },
    ],
    [
      `a token is got with ${kind} where there is none yet to narrow, and one for reading uploads nothing`,
      async (yard) => {
        const auth = await authOf(yard);

        const { accessToken } = await auth.downscopeToken(['root_readonly'], undefined, undefined, yard.network);

        await assert.rejects(newFile({ client: withToken(yard, accessToken) }), answered(403));
      },
    ],
    [
      `a token got with ${kind} is revoked, and the next one is another`,
      async (yard) => {
        const auth = await authOf(yard);
        const before = await auth.retrieveToken(yard.network);

        await auth.revokeToken(yard.network);

        assert.notEqual((await auth.retrieveToken(yard.network)).accessToken, before.accessToken);
        await assert.rejects(withToken(yard, before.accessToken).users.getUserMe(), /Developer token has expired/);
      },
    ],
  ]),
);

yardstick('auth', {
  ...ofServerAuths,

  'a developer token is that of its user, is narrowed, and revoked': async (yard) => {
    const { app, userId, token } = await userToken(yard);
    const auth = new BoxDeveloperTokenAuth({ token, config: app });
    const client = clientOf(yard, auth);
    assert.equal((await client.users.getUserMe()).id, userId);

    const folder = await newFolder({ client });
    const resource = `${BOX}/folders/${folder.id}`;
    const { accessToken } = await auth.downscopeToken(SCOPES, resource, undefined, yard.network);
    await renamesOnly(yard, accessToken, { type: 'folder', id: folder.id });
    await client.folders.deleteFolderById(folder.id);

    await auth.revokeToken(yard.network);
    await assert.rejects(auth.retrieveToken(yard.network), /No access token is available/);
  },

  'a token that a login brought is narrowed, and revoked': async (yard) => {
    const { app, token } = await userToken(yard);
    const tokenStorage = new InMemoryTokenStorage({ token: { accessToken: token } });
    const auth = new BoxOAuth({ config: new OAuthConfig({ ...app, tokenStorage }) });
    const client = clientOf(yard, auth);

    const { file } = await newFile({ client });
    const resource = `${BOX}/files/${file.id}`;
    const { accessToken } = await auth.downscopeToken(SCOPES, resource, undefined, yard.network);
    await renamesOnly(yard, accessToken, { type: 'file', id: file.id });

    await auth.revokeToken(yard.network);
    await assert.rejects(client.users.getUserMe(), answered(400));
  },

  'where there is no token, none is narrowed': async (yard) => {
    const resource = `${BOX}/folders/12345`;
    const unnamed = new BoxDeveloperTokenAuth({ token: '' });
    const strange = new BoxOAuth({ config: new OAuthConfig({ clientId: 'nobody', clientSecret: 'nothing' }) });

    await assert.rejects(unnamed.downscopeToken(SCOPES, resource, undefined, yard.network), answered(400));
    await assert.rejects(
      strange.downscopeToken(SCOPES, resource, undefined, yard.network),
      /Access and refresh tokens not available/,
    );
  },
});
