import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import { ApiError, createClient, type NodeClient, TransportError } from '../../packages/client/src/node/index.ts';
import { FileObject, FileWithAllFields, UploadedFiles, UploadUrl } from '../../packages/protocol/src/schemas/files.ts';
import { FolderObject, FolderWithAllFields } from '../../packages/protocol/src/schemas/folders.ts';
import { ItemList } from '../../packages/protocol/src/schemas/item-list.ts';
import { AccessToken, ErrorObject } from '../../packages/protocol/src/schemas/oauth.ts';
import {
  UploadedPart,
  UploadParts,
  UploadPlan,
  UploadSession,
} from '../../packages/protocol/src/schemas/upload-sessions.ts';
import { UserObject, UserWithAllFields } from '../../packages/protocol/src/schemas/users.ts';
import { FileVersionList, FileVersionObject } from '../../packages/protocol/src/schemas/versions.ts';
import { addApp } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { hexToBase64, seededBytes, sha1Base64, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import type { TestServer } from '../support/server.ts';
import { startSmallPartsServer } from './client-fixture.ts';

/** Fails if a response does not match its schema, on which the client's types rely. */
function assertMatches(schema: TSchema, answer: unknown): void {
  assert.deepEqual(Errors(schema, answer), []);
}

describe('API calls of the client', () => {
  let server: TestServer;
  let client: NodeClient;
  before(async () => {
    server = await startSmallPartsServer();
    client = createClient({ server: server.url, token: server.token, store: false });
  });
  after(async () => {
    client.close();
    await server[Symbol.asyncDispose]();
  });

  const putFile = async (name: string, bytes = Buffer.from(name)) => {
    const { entries } = await client.uploads.uploadFile({ attributes: { name, parent: { id: '0' } }, file: bytes });
    return entries[0] as FileObject;
  };

  test('a session is created, filled, listed, planned, committed and downloaded', async () => {
    const bytes = seededBytes(150_000, 'endpoints');
    const { chunkedUploads } = client;
    const session = await chunkedUploads.createFileUploadSession({
      folder_id: '0',
      file_name: 'by-parts.bin',
      file_size: bytes.length,
    });
    assertMatches(UploadSession, session);
    const sent: number[] = [];
    for (const { offset, bytes: part } of splitIntoParts(bytes, session.part_size)) {
      const headers = {
        digest: `sha=${sha1Base64(part)}`,
        contentRange: `bytes ${offset}-${offset + part.length - 1}/${bytes.length}`,
      };
      const onSent = (count: number) => sent.push(count);
      const answer = await chunkedUploads.uploadFilePart(session.id, part, headers, { onSent });
      assertMatches(UploadedPart, answer);
      assert.equal(answer.part.sha1, sha1Hex(part));
      assert.equal(sent.at(-1), part.length);
    }
    const planned = [{ offset: 0, size: 65536, sha512: '0' }];
    assertMatches(UploadPlan, await chunkedUploads.createFileUploadSessionPlan(session.id, { parts: planned }));
    await chunkedUploads.createFileUploadSessionLog(session.id, { event_type: 'test' });
    const parts = await chunkedUploads.getFileUploadSessionParts(session.id, { queryParams: { offset: 1, limit: 1 } });
    assertMatches(UploadParts, parts);
    assert.deepEqual([parts.total_count, parts.entries[0]?.offset], [3, 65536]);
    assertMatches(UploadSession, await chunkedUploads.getFileUploadSessionById(session.id));

    const all = await chunkedUploads.getFileUploadSessionPartsByUrl(session.session_endpoints.list_parts);
    const digest = `sha=${sha1Base64(bytes)}`;
    const { files } = await chunkedUploads.createFileUploadSessionCommit(
      session.id,
      { parts: all.entries },
      { digest },
    );
    assertMatches(UploadedFiles, files);
    const download = await client.downloads.downloadFile(files?.entries[0]?.id ?? '');
    assert.equal(download.size, bytes.length);
    assert.equal(sha1Hex(await readAll(download.body)), sha1Hex(bytes));
  });

  test('deleting a session that does not exist succeeds', async () => {
    const body = { folder_id: '0', file_name: 'deleted.bin', file_size: 1000 };
    const { id } = await client.chunkedUploads.createFileUploadSession(body);
    for (const gone of [id, id, '0123456789ABCDEF0123456789ABCDEF']) {
      assert.equal(await client.chunkedUploads.deleteFileUploadSessionById(gone), undefined);
      await assert.rejects(client.chunkedUploads.getFileUploadSessionById(gone), {
        status: 404,
        code: 'upload_session_not_found',
      });
    }
  });

  test('a file sent in one request is rejected if its digest differs', async () => {
    const attributes = { name: 'one-piece.txt', parent: { id: '0' } };
    const file = Buffer.from('one piece');
    assertMatches(UploadUrl, await client.uploads.preflightFileUploadCheck({ ...attributes, size: file.length }));
    await assert.rejects(
      client.uploads.uploadFile({ attributes, file }, { sha1: sha1Hex(Buffer.from('another')) }),
      (error) => error instanceof ApiError && error.code === 'bad_digest' && error.status === 400,
    );
    assertMatches(UploadedFiles, await client.uploads.uploadFile({ attributes, file }, { sha1: sha1Hex(file) }));
    await assert.rejects(client.uploads.preflightFileUploadCheck(attributes), { code: 'item_name_in_use' });
  });

  test('versions are uploaded, listed, promoted, moved to the trash and restored', async () => {
    const { id, etag } = await putFile('versions.txt');
    const file = new Blob(['second']);
    const second = await client.uploads.uploadFileVersion(
      id,
      { attributes: {}, file },
      { headers: { 'if-match': etag } },
    );
    assertMatches(UploadedFiles, second);
    assertMatches(UploadUrl, await client.uploads.preflightFileVersionUploadCheck(id, { size: 5 }));
    const versions = await client.fileVersions.getFileVersions(id);
    assertMatches(FileVersionList, versions);
    const past = versions.entries[0]?.id ?? '';
    assertMatches(FileVersionObject, await client.fileVersions.getFileVersionById(id, past));
    assertMatches(FileVersionObject, await client.fileVersions.promoteFileVersion(id, { id: past }));
    await client.fileVersions.deleteFileVersionById(id, past);
    assertMatches(FileVersionObject, await client.fileVersions.updateFileVersionById(id, past, { trashed_at: null }));
  });

  test('files are read, updated and copied, with only the requested fields', async () => {
    const { id } = await putFile('plain.txt');
    assertMatches(FileObject, await client.files.getFileById(id));
    const some = await client.files.getFileById(id, { queryParams: { fields: ['size', 'lock', 'permissions'] } });
    assert.deepEqual(Object.keys(some).sort(), ['etag', 'id', 'lock', 'permissions', 'size', 'type']);
    const fields = Object.keys(FileWithAllFields.properties) as (keyof FileWithAllFields)[];
    assertMatches(FileWithAllFields, await client.files.getFileById(id, { queryParams: { fields } }));
    const renamed = await client.files.updateFileById(id, { name: 'renamed.txt' });
    assert.equal(renamed.name, 'renamed.txt');
    assertMatches(FileObject, await client.files.copyFile(id, { name: 'copy.txt', parent: { id: '0' } }));
  });

  test('folders are created, listed in pages, renamed, copied, moved to the trash, restored and deleted permanently', async () => {
    const folder = await client.folders.createFolder({ name: 'folder', parent: { id: '0' } });
    assertMatches(FolderObject, folder);
    await client.folders.createFolder({ name: 'inner', parent: folder });
    const items = await client.folders.getFolderItems('0', { queryParams: { usemarker: true, limit: 1 } });
    assertMatches(ItemList, items);
    assert.equal(typeof items.next_marker, 'string');
    const sized = await client.folders.getFolderItems('0', { queryParams: { fields: ['name', 'size', 'sha1'] } });
    assert.equal(typeof sized.entries[0]?.size, 'number');
    const fields = Object.keys(FolderWithAllFields.properties) as (keyof FolderWithAllFields)[];
    assertMatches(FolderWithAllFields, await client.folders.getFolderById(folder.id, { queryParams: { fields } }));
    assertMatches(FolderObject, await client.folders.getFolderById('0'));
    assertMatches(FolderObject, await client.folders.updateFolderById(folder.id, { name: 'renamed' }));
    assertMatches(FolderObject, await client.folders.copyFolder(folder.id, { name: 'copy', parent: { id: '0' } }));
    await assert.rejects(client.folders.deleteFolderById(folder.id), { code: 'folder_not_empty' });
    await client.folders.deleteFolderById(folder.id, { queryParams: { recursive: true } });
    assertMatches(FolderObject, await client.trashedFolders.getTrashedFolderById(folder.id));
    assertMatches(ItemList, await client.trashedItems.getTrashedItems());
    assertMatches(FolderObject, await client.trashedFolders.restoreFolderFromTrash(folder.id));
    await client.folders.deleteFolderById(folder.id, { queryParams: { recursive: true } });
    await client.trashedFolders.deleteTrashedFolderById(folder.id);
    await assert.rejects(client.trashedFolders.getTrashedFolderById(folder.id), { status: 404 });
  });

  test('files are moved to the trash and restored', async () => {
    const { id } = await putFile('trash.txt');
    await client.files.deleteFileById(id);
    assertMatches(FileObject, await client.trashedFiles.getTrashedFileById(id));
    assertMatches(FileObject, await client.trashedFiles.restoreFileFromTrash(id, { name: 'back.txt' }));
    await client.files.deleteFileById(id);
    await client.trashedFiles.deleteTrashedFileById(id);
  });

  test('a range of a file is downloaded, and the download URL needs no token', async () => {
    const { id } = await putFile('range.txt', Buffer.from('0123456789'));
    const { status, totalSize, body } = await client.downloads.downloadFile(id, { range: { first: 3, last: 5 } });
    assert.deepEqual([status, totalSize, String(await readAll(body))], [206, 10, '345']);
    const address = await client.downloads.getDownloadFileUrl(id);
    assert.equal(await (await fetch(address)).text(), '0123456789');
  });

  test('the client gets the user of its token, and tokens for an app', async () => {
    assertMatches(UserObject, await client.users.getUserMe());
    const fields = Object.keys(UserWithAllFields.properties) as (keyof UserWithAllFields)[];
    assertMatches(UserWithAllFields, await client.users.getUserMe({ queryParams: { fields } }));
    const { clientId, clientSecret, enterpriseId } = await addApp(server);
    const credentials = { client_id: clientId, client_secret: clientSecret };
    const token = await client.authorization.requestAccessToken({
      grant_type: 'client_credentials',
      ...credentials,
      box_subject_type: 'enterprise',
      box_subject_id: enterpriseId,
    });
    assertMatches(AccessToken, token);
    await client.authorization.revokeAccessToken({ token: token.access_token, ...credentials });
    await assert.rejects(client.authorization.refreshAccessToken({ refresh_token: 'unknown', ...credentials }), {
      code: 'invalid_grant',
    });
  });

  test('an error has everything that the server said', async () => {
    const { id } = await putFile('taken.txt');
    const rejected = await new Api(server).post('/folders', { name: 'taken.txt', parent: { id: '0' } });
    assertMatches(ErrorObject, rejected.json);
    await assert.rejects(putFile('taken.txt'), (error) => {
      assert.ok(error instanceof ApiError);
      assert.deepEqual([error.status, error.code], [409, 'item_name_in_use']);
      assert.equal((error.contextInfo.conflicts as { id: string }).id, id);
      assert.match(error.requestId, /\S/);
      assert.equal(error.call, 'POST /api/2.0/files/content');
      return true;
    });
  });

  test('a rejected token is renewed, once for all calls that wait for it', async () => {
    const asked: (string | undefined)[] = [];
    const renewing = createClient({
      server: server.url,
      store: false,
      token(rejected) {
        asked.push(rejected);
        return rejected === undefined ? 'expired' : server.token;
      },
    });
    await Promise.all([renewing.users.getUserMe(), renewing.users.getUserMe(), renewing.folders.getFolderById('0')]);
    assert.deepEqual(asked, [undefined, 'expired']);
    renewing.close();
    const wrong = createClient({ server: server.url, token: 'wrong', store: false });
    await assert.rejects(wrong.users.getUserMe(), { status: 401, code: 'unauthorized' });
    wrong.close();
  });

  test('a client uses the fetch function that it is given', async () => {
    const called: string[] = [];
    const custom = createClient({
      server: server.url,
      token: server.token,
      store: false,
      fetch: (input, init) => {
        called.push(String(input));
        return fetch(input, init);
      },
    });
    const { entries } = await custom.uploads.uploadFile({
      attributes: { name: 'by-fetch.txt', parent: { id: '0' } },
      file: Buffer.from('by fetch'),
    });
    const { body } = await custom.downloads.downloadFile(entries[0]?.id ?? '');
    assert.equal(String(await readAll(body)), 'by fetch');
    assert.equal(called.length, 2);
  });

  test('a folder whose response was lost is found by its date, however long the lookup takes', async () => {
    let lost = false;
    const slow = createClient({
      server: server.url,
      token: server.token,
      store: false,
      fetch: async (input, init) => {
        // Longer than the rounding of dates in the API.
        if (lost && init?.method === 'GET') await sleep(3_200);
        const response = await fetch(input, init);
        if (init?.method === 'POST' && !lost) {
          lost = true;
          throw new TypeError('the response was lost');
        }
        return response;
      },
    });
    const { id, name } = await slow.folders.createFolder({ name: 'made once', parent: { id: '0' } });
    assert.deepEqual([id, name], [(await client.folders.getFolderById(id)).id, 'made once']);
    slow.close();
  });

  test('an unreachable server and an error response are different errors', async () => {
    const nowhere = createClient({ server: 'http://127.0.0.1:1', token: 'x', store: false });
    await assert.rejects(nowhere.users.getUserMe({ retries: 0 }), (error) => {
      assert.ok(error instanceof TransportError);
      assert.equal(error.code, 'ECONNREFUSED');
      return true;
    });
    assert.throws(() => createClient({ server: 'files.example.com', token: 'x' }), /must begin with http/);
  });

  test('a digest in the API is the SHA-1 in base64 of the hex digest', () => {
    const bytes = Buffer.from('digest');
    assert.equal(hexToBase64(sha1Hex(bytes)), sha1Base64(bytes));
  });
});

async function readAll(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  return Buffer.from(await new Response(body).arrayBuffer());
}
