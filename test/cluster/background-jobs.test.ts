import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Client } from 'pg';
import { type Postgres, startPostgres } from '../engines/postgres.ts';
import { s3Url } from '../s3/test-store.ts';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { type Cluster, noCluster, SMALL_PARTS, startCluster } from './cluster.ts';
import { RetryingClient } from './retrying-client.ts';
import { uploadInParallel } from './upload-in-parallel.ts';

const PART = 64 * 1024;
/** Younger bytes are kept: longer than a busy machine takes from storing bytes to inserting their row. */
const GRACE = '10s';
const OVERDUE = 12;

describe('background jobs on two nodes', { skip: noCluster }, () => {
  let postgres: Postgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres?.[Symbol.asyncDispose]());

  test('even if both nodes run the jobs at the same time, expired and orphaned data is deleted once, and uploads in progress are kept', async () => {
    const env = {
      ...SMALL_PARTS,
      PARTWAY_SWEEP_INTERVAL: '50ms',
      PARTWAY_ORPHAN_GRACE: GRACE,
      PARTWAY_ORPHAN_RETENTION: '0s',
      PARTWAY_LOG: 'info',
    };
    await using cluster = await startCluster({ nodes: 2, postgres, env });
    const bucket = new Bucket(cluster);
    const db = new Client({ connectionString: cluster.database });
    await db.connect();
    await using closing = new AsyncDisposableStack();
    closing.defer(() => db.end());

    await bucket.createOrphans();
    const api = new Api(cluster);
    const bytes = seededBytes(3 * PART, 'overdue');
    for (let n = 0; n < OVERDUE; n++)
      await uploadInParallel(api, await api.createSession(`overdue-${n}`, bytes.length), bytes);
    await db.query('update upload_sessions set expires_at = $1', [Date.now()]);

    // The node that runs a job loses the lock that keeps the other from running it, repeatedly.
    const takeLocks = async () => {
      await db.query(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted`);
    };
    const client = new RetryingClient(cluster);
    const files = new Map<string, string>();
    for (let round = 0; (await bucket.countOrphans()) > 0 || round < 3; round++) {
      const file = seededBytes(10 * PART + round, `kept-${round}`);
      const [{ id }] = await Promise.all([client.upload(`kept-${round}.bin`, file), takeLocks()]);
      files.set(id, sha1Hex(file));
    }

    for (const [id, sha1] of files) assert.equal(await client.sha1Of(id), sha1);
    const { rows } = await db.query<{ state: string; count: string }>(
      'select state, count(*) from upload_sessions group by state order by state',
    );
    assert.deepEqual(rows, [
      { state: 'committed', count: String(files.size) },
      { state: 'expired', count: String(OVERDUE) },
    ]);
    // Then all their log entries have been received.
    for (const node of cluster.nodes) await node.stop();
    assert.equal(sumLoggedCounts(cluster, 'expired'), OVERDUE, 'a session was ended twice or not at all');
    assert.equal(
      (
        await db.query('select from parts p join upload_sessions s on s.id = p.session_id and s.state = $1', [
          'expired',
        ])
      ).rowCount,
      0,
    );
    const { rows: space } = await db.query('select space_reserved::int as reserved from users where space_used > 0');
    assert.deepEqual(space, [{ reserved: 0 }]);
    assert.equal((await bucket.objects()).length, files.size);
    assert.equal((await bucket.uploads()).length, 0);
  });
});

/** The cluster's part of the bucket. */
class Bucket {
  readonly #client = new S3Client({ endpoint: s3Url(), forcePathStyle: true, region: 'us-east-1' });
  readonly #place: { Bucket: string; Prefix: string };
  readonly #orphans = new Set<string>();

  constructor({ storage }: Cluster) {
    const { host, pathname } = new URL(storage);
    this.#place = { Bucket: host, Prefix: `${pathname.slice(1)}/blobs/` };
  }

  /**
   * Creates what a killed node leaves between storing bytes and inserting their row: a multipart upload and an
   * object.
   */
  async createOrphans(): Promise<void> {
    const { Bucket, Prefix } = this.#place;
    for (let n = 0; n < 10; n++) {
      const [upload, object] = [0, 1].map(() => Prefix + randomBytes(16).toString('hex')) as [string, string];
      await this.#client.send(new CreateMultipartUploadCommand({ Bucket, Key: upload }));
      await this.#client.send(new PutObjectCommand({ Bucket, Key: object, Body: 'of nobody' }));
      this.#orphans.add(upload).add(object);
    }
  }

  /** The number of these orphans that are left. */
  async countOrphans(): Promise<number> {
    return [...(await this.objects()), ...(await this.uploads())].filter((key) => this.#orphans.has(key)).length;
  }

  async objects(): Promise<string[]> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command(this.#place));
    return Contents.map(({ Key = '' }) => Key);
  }

  async uploads(): Promise<string[]> {
    const { Uploads = [] } = await this.#client.send(new ListMultipartUploadsCommand(this.#place));
    return Uploads.map(({ Key = '' }) => Key);
  }
}

/** The sum of a background job's count over the logs of all nodes. */
function sumLoggedCounts({ nodes }: Cluster, count: string): number {
  const counts = nodes.flatMap((node) => [...node.stderr().matchAll(new RegExp(`"${count}":(\\d+)`, 'g'))]);
  return counts.reduce((sum, [, found]) => sum + Number(found), 0);
}
