import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { createClient, type NodeClient, UnexpectedResponse } from '../../packages/client/src/node/index.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';
import { createTestClient, PART_SIZE, sha1OnServer, startSmallPartsServer } from './client-fixture.ts';
import { type Fault, type SeenRequest, startFaultProxy } from './fault-proxy.ts';

/** Successful responses that a proxy may send instead of the server. */
const PROXY_RESPONSES = {
  '204': { status: 204 },
  'an HTML page': {
    status: 200,
    headers: { 'content-type': 'text/html' },
    text: '<!doctype html><title>Log in</title>',
  },
  'an empty object': { status: 200, json: {} },
  'an array': { status: 200, json: [] },
} satisfies Record<string, Fault['answer']>;

const attributes = { name: 'x', parent: { id: '0' } };
const session = `${'0'.repeat(32)}`;
const file = Buffer.from('x');
const headers = { digest: 'sha=x', contentRange: 'bytes 0-0/1' };

/** Every call of the client whose response is used. */
const CALLS: Record<string, (client: NodeClient) => Promise<unknown>> = {
  requestAccessToken: ({ authorization }) => authorization.requestAccessToken({ grant_type: 'client_credentials' }),
  createFileUploadSession: ({ chunkedUploads }) =>
    chunkedUploads.createFileUploadSession({ folder_id: '0', file_name: 'x', file_size: 1 }),
  createFileUploadSessionForExistingFile: ({ chunkedUploads }) =>
    chunkedUploads.createFileUploadSessionForExistingFile('1', { file_size: 1 }),
  getFileUploadSessions: ({ chunkedUploads }) => chunkedUploads.getFileUploadSessions(),
  getFileUploadSessionById: ({ chunkedUploads }) => chunkedUploads.getFileUploadSessionById(session),
  uploadFilePart: ({ chunkedUploads }) => chunkedUploads.uploadFilePart(session, file, headers),
  getFileUploadSessionParts: ({ chunkedUploads }) => chunkedUploads.getFileUploadSessionParts(session),
  createFileUploadSessionCommit: ({ chunkedUploads }) =>
    chunkedUploads.createFileUploadSessionCommit(session, { parts: [] }, headers),
  createFileUploadSessionPlan: ({ chunkedUploads }) =>
    chunkedUploads.createFileUploadSessionPlan(session, { parts: [] }),
  getFileById: ({ files }) => files.getFileById('1'),
  updateFileById: ({ files }) => files.updateFileById('1', { name: 'y' }),
  copyFile: ({ files }) => files.copyFile('1', { parent: { id: '0' } }),
  getFileVersions: ({ fileVersions }) => fileVersions.getFileVersions('1'),
  getFileVersionById: ({ fileVersions }) => fileVersions.getFileVersionById('1', '2'),
  promoteFileVersion: ({ fileVersions }) => fileVersions.promoteFileVersion('1', { id: '2' }),
  updateFileVersionById: ({ fileVersions }) => fileVersions.updateFileVersionById('1', '2', { trashed_at: null }),
  getFolderById: ({ folders }) => folders.getFolderById('1'),
  getFolderItems: ({ folders }) => folders.getFolderItems('0'),
  findItemByName: ({ folders }) => folders.findItemByName('0', 'x'),
  createFolder: ({ folders }) => folders.createFolder(attributes),
  updateFolderById: ({ folders }) => folders.updateFolderById('1', { name: 'y' }),
  copyFolder: ({ folders }) => folders.copyFolder('1', { parent: { id: '0' } }),
  getTrashedItems: ({ trashedItems }) => trashedItems.getTrashedItems(),
  getTrashedFileById: ({ trashedFiles }) => trashedFiles.getTrashedFileById('1'),
  restoreFileFromTrash: ({ trashedFiles }) => trashedFiles.restoreFileFromTrash('1'),
  getTrashedFolderById: ({ trashedFolders }) => trashedFolders.getTrashedFolderById('1'),
  restoreFolderFromTrash: ({ trashedFolders }) => trashedFolders.restoreFolderFromTrash('1'),
  uploadFile: ({ uploads }) => uploads.uploadFile({ attributes, file }),
  uploadFileVersion: ({ uploads }) => uploads.uploadFileVersion('1', { attributes: {}, file }),
  preflightFileUploadCheck: ({ uploads }) => uploads.preflightFileUploadCheck(attributes),
  preflightFileVersionUploadCheck: ({ uploads }) => uploads.preflightFileVersionUploadCheck('1', { size: 1 }),
  getUserMe: ({ users }) => users.getUserMe(),
};

/** Calls that have succeeded if the response is empty. */
const DELETIONS: Record<string, (client: NodeClient) => Promise<unknown>> = {
  deleteFileUploadSessionById: ({ chunkedUploads }) => chunkedUploads.deleteFileUploadSessionById(session),
  deleteFileById: ({ files }) => files.deleteFileById('1'),
  deleteFileVersionById: ({ fileVersions }) => fileVersions.deleteFileVersionById('1', '2'),
  deleteFolderById: ({ folders }) => folders.deleteFolderById('1'),
  deleteTrashedFileById: ({ trashedFiles }) => trashedFiles.deleteTrashedFileById('1'),
  deleteTrashedFolderById: ({ trashedFolders }) => trashedFolders.deleteTrashedFolderById('1'),
  revokeAccessToken: ({ authorization }) => authorization.revokeAccessToken({ token: 'x' }),
};

/** Responds to every request in the same way. */
async function startFakeServer({ status, headers: named = {}, json, text }: NonNullable<Fault['answer']>) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, named);
    response.end(text ?? (json === undefined ? '' : JSON.stringify(json)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('responses that are not from the API', () => {
  for (const [name, answer] of Object.entries(PROXY_RESPONSES)) {
    test(`${name} instead of any response is an error with the URL and the response`, async () => {
      await using standIn = await startFakeServer(answer);
      const client = createClient({ server: standIn.url, token: 'x', store: false });
      const all = { ...CALLS, ...(answer.status !== 204 && DELETIONS) };
      for (const [call, make] of Object.entries(all)) {
        await assert.rejects(make(client), (error) => {
          assert.ok(error instanceof UnexpectedResponse, `${call}: ${error}`);
          assert.match(error.message, new RegExp(`^[A-Z]+ ${standIn.url}/\\S+ returned ${answer.status} with `));
          return true;
        });
      }
      if (answer.status === 204) {
        await assert.rejects(client.downloads.downloadFile('1'), UnexpectedResponse);
        for (const make of Object.values(DELETIONS)) await make(client);
      }
      client.close();
    });
  }

  test('a response with a field of the wrong type is not accepted', async () => {
    for (const json of [
      { type: 'file', id: 1, name: 'x', size: 1, sha1: 'x' },
      { type: 'folder', id: '1', name: 'x', size: 1, sha1: 'x' },
      { type: 'file', id: '1', name: 'x', size: '1', sha1: 'x' },
      { type: 'file', id: '1', name: 'x', size: 1, sha1: null },
    ]) {
      await using standIn = await startFakeServer({ status: 200, json });
      const client = createClient({ server: standIn.url, token: 'x', store: false });
      await assert.rejects(client.files.getFileById('1'), UnexpectedResponse);
      client.close();
    }
  });
});

describe('one response during an operation that is not from the API', () => {
  let server: TestServer;
  before(async () => {
    server = await startSmallPartsServer();
  });
  after(() => server[Symbol.asyncDispose]());

  const isPreflight = ({ method }: SeenRequest) => method === 'OPTIONS';
  const bytes = seededBytes(3 * PART_SIZE, 'answers');

  for (const [name, answer] of Object.entries(PROXY_RESPONSES)) {
    /** A proxy that forwards the requests selected by `which` and replaces the responses. */
    const startReplacingProxy = (which: (seen: SeenRequest) => boolean) =>
      startFaultProxy(server, (seen) => (which(seen) ? { answerAfter: answer } : undefined));

    test(`${name} for OPTIONS: the item is found in the list of its folder`, async () => {
      const folder = await createTestClient(server).folders.createFolder({
        name: `Found ${name}`,
        parent: { id: '0' },
      });
      await using proxy = await startReplacingProxy(isPreflight);
      const client = createTestClient(server, proxy);
      assert.equal((await client.folders.findItemByName('0', `found ${name}`.toUpperCase()))?.id, folder.id);
      assert.equal(await client.folders.findItemByName('0', `nothing ${name}`), undefined);
      client.close();
    });

    test(`${name} for creating a folder: the folder is found and no second one is created`, async () => {
      await using proxy = await startReplacingProxy(
        ({ method, path, before: earlier }) => method === 'POST' && path === '/folders' && earlier === 0,
      );
      const client = createTestClient(server, proxy);
      const made = await client.folders.createFolder({ name: `made ${name}`, parent: { id: '0' } });
      assert.equal((await createTestClient(server).folders.getFolderById(made.id)).name, `made ${name}`);
      client.close();
    });

    test(`${name} for a part, a commit and a direct upload: the result is found, and nothing is sent again`, async () => {
      await using proxy = await startReplacingProxy(
        ({ method, path, before: earlier }) =>
          earlier === 0 && (method === 'PUT' || /\/(commit|content)$/.test(path)) && method !== 'OPTIONS',
      );
      const client = createTestClient(server, proxy);
      const inParts = await client.uploadFile(bytes, { name: `parts ${name}`, sessionFrom: 1 });
      assert.equal(await sha1OnServer(server, inParts.file.id), sha1Hex(bytes));
      assert.equal(inParts.bytesSent, bytes.length);
      assert.equal(proxy.seen.filter(({ path }) => path.endsWith('/commit')).length, 1);
      const whole = await client.uploadFile(bytes, { name: `whole ${name}`, sessionFrom: Number.POSITIVE_INFINITY });
      assert.equal(await sha1OnServer(server, whole.file.id), sha1Hex(bytes));
      assert.equal(proxy.seen.filter(({ method, path }) => method === 'POST' && path === '/files/content').length, 1);
      client.close();
    });

    if (answer.status !== 204) {
      test(`${name} for a deletion: it has succeeded if the item is gone`, async () => {
        const direct = createTestClient(server);
        const { id } = (await direct.uploadFile(Buffer.from('x'), { name: `deleted ${name}` })).file;
        const folder = await direct.folders.createFolder({ name: `deleted folder ${name}`, parent: { id: '0' } });
        await using proxy = await startReplacingProxy(({ method }) => method === 'DELETE');
        const client = createTestClient(server, proxy);
        await client.files.deleteFileById(id);
        await client.folders.deleteFolderById(folder.id);
        await client.trashedFiles.deleteTrashedFileById(id);
        await client.trashedFolders.deleteTrashedFolderById(folder.id);
        await assert.rejects(direct.trashedFiles.getTrashedFileById(id), { status: 404 });
        client.close();
      });
    }
  }
});
