import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { seededBytes, sha1Hex } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { download, present, streamOf } from './bodies.ts';
import { type GeneratedClient, type GeneratedSdk, getBoxError, hasCode } from './sdk.ts';

const BYTES = seededBytes(300_001, 'direct upload');

export function testFiles(sdk: GeneratedSdk): void {
  describe(`direct upload, preflight and download with ${sdk.name}`, () => {
    let server: TestServer;
    let client: GeneratedClient;

    before(async () => {
      server = await startServer();
      client = sdk.connect(server);
    });
    after(() => server[Symbol.asyncDispose]());

    const upload = async (name: string, bytes = BYTES, parent = '0') => {
      const attributes = { name, parent: { id: parent } };
      const answer = await client.uploads.uploadFile({ attributes, file: streamOf(bytes) });
      assert.equal(answer.totalCount, 1);
      return present(answer.entries?.[0]);
    };

    test('uploadFile stores a file, which is downloaded byte for byte', async () => {
      const file = await upload('direct.bin');

      assert.equal(file.name, 'direct.bin');
      assert.equal(file.size, BYTES.length);
      assert.equal(file.sha1, sha1Hex(BYTES));
      assert.equal(file.parent?.id, '0');
      assert.deepEqual(await download(client, file.id), BYTES);
    });

    test('uploadFile stores an empty file', async () => {
      const file = await upload('empty.bin', Buffer.alloc(0));

      assert.equal(file.size, 0);
      assert.equal(file.sha1, sha1Hex(Buffer.alloc(0)));
      assert.equal((await download(client, file.id)).length, 0);
    });

    test('the SHA-1 that uploadFile sends as content-md5 is verified', async () => {
      const send = (name: string, contentMd5: string) =>
        client.uploads.uploadFile(
          { attributes: { name, parent: { id: '0' } }, file: streamOf(BYTES) },
          { headers: { contentMd5 } },
        );

      await assert.rejects(send('proven.bin', sha1Hex(Buffer.from('other'))), hasCode(sdk, 400, 'bad_digest'));

      const file = present((await send('proven.bin', sha1Hex(BYTES))).entries?.[0]);
      assert.equal(file.sha1, sha1Hex(BYTES));
    });

    test('preflight returns an upload URL for a free name and rejects a taken one', async () => {
      const check = (name: string) =>
        client.uploads.preflightFileUploadCheck({ name, size: BYTES.length, parent: { id: '0' } });
      const { uploadUrl } = await check('preflight.bin');
      assert.ok(present(uploadUrl).startsWith(`${server.url}/`));

      const file = await upload('preflight.bin');

      await assert.rejects(check('preflight.bin'), (error: unknown) => {
        const refusal = getBoxError(sdk, error, 409, 'item_name_in_use');
        assert.equal(refusal.context_info?.conflicts?.id, file.id);
        return true;
      });
    });

    test('uploadWithPreflightCheck sends a preflight and uploads to the URL that it returns', async () => {
      const answer = await client.uploads.uploadWithPreflightCheck({
        attributes: { name: 'asked-first.bin', parent: { id: '0' }, size: BYTES.length },
        file: streamOf(BYTES),
      });

      assert.equal(answer.entries?.[0]?.sha1, sha1Hex(BYTES));
    });

    test('uploadFileVersion adds a version; if-match rejects an outdated etag', async () => {
      const file = await upload('versioned.bin');
      const next = seededBytes(123_456, 'next version');
      const send = (ifMatch: string) =>
        client.uploads.uploadFileVersion(
          file.id,
          { attributes: { name: 'versioned.bin' }, file: streamOf(next) },
          { headers: { ifMatch } },
        );

      const changed = present((await send('0')).entries?.[0]);

      assert.equal(changed.id, file.id);
      assert.equal(changed.etag, '1');
      assert.notEqual(changed.fileVersion?.id, file.fileVersion?.id);
      assert.deepEqual(await download(client, file.id), next);
      await assert.rejects(send('0'), hasCode(sdk, 412, 'precondition_failed'));
    });

    test('a download redirects to a URL that needs no token', async () => {
      const file = await upload('signed.bin');

      const address = await client.downloads.getDownloadFileUrl(file.id);
      const answer = await fetch(address);

      assert.equal(answer.status, 200);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), BYTES);
    });

    test('a range of a file can be downloaded', async () => {
      const file = await upload('range.bin');

      const body = await client.downloads.downloadFile(file.id, { headers: { range: 'bytes=1000-1999' } });

      assert.deepEqual(Buffer.concat(await present(body).toArray()), BYTES.subarray(1000, 2000));
    });

    test('a file uploaded to a folder is listed there', async () => {
      const folder = await client.folders.createFolder({ name: 'inbox', parent: { id: '0' } });
      const file = await upload('in-folder.bin', BYTES, folder.id);

      const items = await client.folders.getFolderItems(folder.id);

      assert.equal(items.totalCount, 1);
      assert.equal(items.entries?.[0]?.id, file.id);
      assert.equal(file.pathCollection?.entries.at(-1)?.name, 'inbox');
      await client.folders.deleteFolderById(folder.id, { queryParams: { recursive: true } });
    });

    test('the token belongs to a user', async () => {
      const me = await client.users.getUserMe();

      assert.equal(me.type, 'user');
      assert.match(me.id, /^\d+$/);
    });
  });
}
