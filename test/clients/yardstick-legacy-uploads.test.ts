import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededBytes, sha1Base64, splitIntoParts } from '../support/bytes.ts';
import { isLegacyError } from './box-node-sdk-3/sdk.ts';
import { streamOf } from './generated/bodies.ts';
import { newName } from './yardstick/box-suite.ts';
import { type Body, legacyBoxSuite } from './yardstick/legacy-box-suite.ts';

const BYTES = seededBytes(21_000_000, 'legacy');

legacyBoxSuite('uploads', (yard) => {
  test('a preflight check returns a URL', async () => {
    const { client, folder } = yard;
    const { upload_url: url } = await client.files.preflightUploadFile(folder.id, { name: newName(), size: 123 });
    assert.match(url, /^https:/);
  });

  test('a large file is sent in parts and committed with a description', async () => {
    const { client, folder } = yard;
    const session: Body = await client.files.createUploadSession(folder.id, BYTES.length, newName());
    for (const { offset, bytes } of splitIntoParts(BYTES, session.part_size)) {
      const { part }: Body = await client.files.uploadPart(session.id, bytes, offset, BYTES.length);
      assert.equal(part.offset, offset);
    }

    const options = { description: 'in parts' };
    const committed: Body = await client.files.commitUploadSession(session.id, sha1Base64(BYTES), options);

    assert.equal(committed.entries.length, 1);
    const [{ parent, size, description }] = committed.entries;
    assert.deepEqual([parent.id, size, description], [folder.id, BYTES.length, 'in parts']);
  });

  test('a large file and a version of it keep the dates in their attributes', async () => {
    const { client, folder } = yard;
    const fileAttributes = { content_modified_at: '2017-04-08T00:58:08Z' };
    const upload = async (uploader: Body): Promise<Body> => (await uploader.start()).entries[0];

    const file = await upload(
      await client.files.getChunkedUploader(folder.id, BYTES.length, newName(), streamOf(BYTES), { fileAttributes }),
    );
    const version = await upload(
      await client.files.getNewVersionChunkedUploader(file.id, BYTES.length, BYTES, { fileAttributes }),
    );

    assert.equal(file.content_modified_at, fileAttributes.content_modified_at);
    assert.equal(version.content_modified_at, fileAttributes.content_modified_at);
    assert.deepEqual([version.id, version.etag], [file.id, '1']);
  });

  test('a session has all addresses and an expiry time, and returns 404 after it is aborted', async () => {
    const { client, folder } = yard;
    const session: Body = await client.files.createUploadSession(folder.id, BYTES.length, newName());
    assert.ok(Date.parse(session.session_expires_at) > Date.now());
    for (const name of ['upload_part', 'status', 'list_parts', 'commit', 'abort', 'log_event']) {
      assert.match(session.session_endpoints[name], /^https:/, name);
    }

    await client.files.abortUploadSession(session.id);

    await assert.rejects(client.files.getUploadSession(session.id), isLegacyError(404, 'upload_session_not_found'));
  });
});
