import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { seededBytes } from '../support/bytes.ts';
import { until } from '../support/until.ts';
import { newName } from './yardstick/box-suite.ts';
import { type Body, type LegacyFixture, legacyBoxSuite, namesIn, newLegacyFile } from './yardstick/legacy-box-suite.ts';

async function newVersion({ client }: LegacyFixture, id: string, content: string, options: Body = {}): Promise<Body> {
  const { entries }: Body = await client.files.uploadNewFileVersion(id, Buffer.from(content), options);
  return entries[0];
}

async function download({ client }: LegacyFixture, id: string, options: Body = {}): Promise<Buffer> {
  return buffer(await client.files.getReadStream(id, options));
}

async function pastVersions({ client }: LegacyFixture, id: string, query: Body = {}): Promise<Body[]> {
  const { entries }: Body = await client.files.getVersions(id, query);
  return entries;
}

legacyBoxSuite('files', (yard) => {
  test('a file is returned with name and size, or with the name only if only that is requested', async () => {
    const file = await newLegacyFile(yard);

    const whole = await yard.client.files.get(file.id);
    const named = await yard.client.files.get(file.id, { fields: 'name' });

    assert.deepEqual([whole.id, whole.type, whole.name, whole.size], [file.id, 'file', file.name, 5]);
    assert.deepEqual(
      [named.type, named.name, named.size, named.description],
      ['file', file.name, undefined, undefined],
    );
  });

  test('all requested fields of a file are returned', async () => {
    const file = await newLegacyFile(yard);
    const fields = 'version_number,comment_count,extension,is_package,item_status,file_version,permissions';

    const { permissions, file_version: version, ...rest } = await yard.client.files.get(file.id, { fields });

    assert.ok(version.id);
    assert.equal(permissions.can_download, true);
    const { type, id, etag } = file;
    const fixed = { version_number: '1', comment_count: 0, extension: 'txt', is_package: false, item_status: 'active' };
    assert.deepEqual(rest, { type, id, etag, ...fixed });
  });

  test('a download that is read late, empty or partial returns the uploaded bytes', async () => {
    const bytes = seededBytes(1024 * 1024, 'late');
    const file = await newLegacyFile(yard, bytes);

    const stream = await yard.client.files.getReadStream(file.id);
    await until(() => stream.readableLength > 0);

    assert.deepEqual(await buffer(stream), bytes);
    assert.equal((await download(yard, (await newLegacyFile(yard, '')).id)).length, 0);
    assert.deepEqual(await download(yard, file.id, { byteRange: [10, 19] }), bytes.subarray(10, 20));
  });

  test('a file with special characters in its name is uploaded, renamed and copied', async () => {
    const { client, folder } = yard;
    const name = `[aaa]{b} 'c' "d" &+%20#é ${newName()}.txt`;
    const file = (await client.files.uploadFile(folder.id, name, Buffer.from('signs'))).entries[0];
    assert.equal((await client.files.get(file.id)).name, name);

    const renamed = await client.files.update(file.id, { name: `new ${name}`, description: 'said' });
    const copy = await client.files.copy(file.id, folder.id, { name: `copy ${name}` });

    assert.deepEqual([renamed.name, renamed.description, copy.name], [`new ${name}`, 'said', `copy ${name}`]);
    assert.equal((await download(yard, copy.id)).toString(), 'signs');
  });

  test('a lock has an expiry time, an owner and a type, and can be replaced and removed', async () => {
    const { files } = yard.client;
    const file = await newLegacyFile(yard);
    const lockOf = async () => (await files.get(file.id, { fields: 'lock' })).lock;
    const until = '2030-01-01T00:00:00Z';

    await files.lock(file.id, { expires_at: until, is_download_prevented: false });
    const first = await lockOf();
    await files.lock(file.id, { is_download_prevented: true });
    const second = await lockOf();
    await files.unlock(file.id);

    assert.deepEqual([first.expires_at, first.is_download_prevented], [until, false]);
    assert.equal(first.created_by.id, file.created_by.id);
    assert.deepEqual([second.expires_at, second.is_download_prevented], [null, true]);
    assert.equal(await lockOf(), null);
  });

  test('a file is moved and listed in its new folder', async () => {
    const { client, folder } = yard;
    const file = await newLegacyFile(yard);
    const elsewhere = await client.folders.create(folder.id, newName());

    await client.files.update(file.id, { parent: { id: elsewhere.id } });

    assert.deepEqual(await namesIn(yard, elsewhere.id), [file.name]);
  });

  test('the content dates are those that the client sent', async () => {
    const dates = { content_created_at: '2015-05-01T10:00:00Z', content_modified_at: '2017-04-08T00:58:08Z' };

    const file = await newLegacyFile(yard, 'dated', dates);
    const version = await newVersion(yard, file.id, 'dated anew', { content_modified_at: '2018-01-02T03:04:05Z' });

    assert.deepEqual([file.content_created_at, file.content_modified_at], Object.values(dates));
    assert.equal(version.content_modified_at, '2018-01-02T03:04:05Z');
  });
});

legacyBoxSuite('file versions', (yard) => {
  test('a file has no past version until it has a second one, and the list does not include the current one', async () => {
    const file = await newLegacyFile(yard, 'one');
    assert.deepEqual(await pastVersions(yard, file.id), []);

    await newVersion(yard, file.id, 'two');

    const [past, ...others] = await pastVersions(yard, file.id);
    assert.deepEqual(others, []);
    assert.deepEqual([past.type, past.id], ['file_version', file.file_version.id]);
    assert.equal(past.sha1, createHash('sha1').update('one').digest('hex'));
    assert.equal((await download(yard, file.id, { version: past.id })).toString(), 'one');
  });

  test('versions are listed in pages', async () => {
    const file = await newLegacyFile(yard, 'one');
    await newVersion(yard, file.id, 'two');
    await newVersion(yard, file.id, 'three');

    const all = await pastVersions(yard, file.id);
    const first = await pastVersions(yard, file.id, { limit: 1 });
    const second = await pastVersions(yard, file.id, { limit: 1, offset: 1 });

    assert.equal(all.length, 2);
    assert.deepEqual([...first, ...second], all);
  });

  test('a promoted version becomes current, and all earlier ones are in the list', async () => {
    const { files } = yard.client;
    const file = await newLegacyFile(yard, 'one');
    const second = await newVersion(yard, file.id, 'two');

    const promoted = await files.promoteVersion(file.id, file.file_version.id);

    assert.equal((await files.get(file.id, { fields: 'file_version' })).file_version.id, promoted.id);
    const past = (await pastVersions(yard, file.id)).map(({ id }) => id);
    assert.deepEqual(new Set(past), new Set([file.file_version.id, second.file_version.id]));
    assert.equal((await download(yard, file.id)).toString(), 'one');
  });

  test('a deleted version stays in the list, with who deleted it and when', async () => {
    const file = await newLegacyFile(yard, 'one');
    await newVersion(yard, file.id, 'two');
    const fields = 'trashed_at,trashed_by,version_number,modified_at,modified_by,uploader_display_name,size';
    const [before] = await pastVersions(yard, file.id, { fields });
    assert.equal(before.trashed_at, null);

    await yard.client.files.deleteVersion(file.id, file.file_version.id);

    const [deleted, ...others] = await pastVersions(yard, file.id, { fields });
    assert.deepEqual([others.length, deleted.version_number, deleted.size], [0, '1', 3]);
    assert.ok(deleted.trashed_at && deleted.modified_at && deleted.uploader_display_name);
    assert.deepEqual([deleted.trashed_by.id, deleted.modified_by.id], [file.created_by.id, file.created_by.id]);
  });
});
