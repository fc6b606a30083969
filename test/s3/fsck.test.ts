import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { jsonLines, run } from '../cli/run.ts';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer } from '../support/server.ts';
import { s3Settings } from '../support/storage.ts';
import { newLocation, newTestClient, s3Url, timeFor, whyNoS3 } from './test-store.ts';

describe('partway fsck beside a server on S3', { skip: whyNoS3 ?? false, timeout: timeFor(60_000) }, () => {
  it('reads the files from the bucket, and reports missing ones', async () => {
    const { bucket, prefix } = newLocation();
    const settings = s3Settings(s3Url(), `s3://${bucket}/${prefix}`);
    await using server = await startServer({ env: { ...settings, PARTWAY_MIN_SESSION_SIZE: '0' } });
    const api = new Api(server);
    const bytes = seededBytes(100_000, 'fsck on S3');
    const session = await api.createSession('file.bin', bytes.length);
    const committed = await api.commit(session.id, await api.uploadParts(session, bytes), bytes);
    assert.equal(committed.status, 201, committed.text);

    const fsck = () => run(['fsck', '--data', server.dataFolder, '--json'], { env: settings });
    const good = await fsck();
    assert.equal(good.code, 0, good.stderr);
    assert.equal(
      jsonLines(good.stdout).some(({ event }) => event === 'finding'),
      false,
    );

    const client = newTestClient();
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/blobs/` }));
    assert.equal(Contents?.length, 1);
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: Contents[0]?.Key }));
    client.destroy();
    const bad = await fsck();
    assert.notEqual(bad.code, 0);
    assert.equal(jsonLines(bad.stdout).filter(({ event }) => event === 'finding').length, 1);
  });
});
