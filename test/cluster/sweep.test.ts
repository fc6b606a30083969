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
import { PatientClient } from './patient-client.ts';
import { uploadAtOnce } from './upload-at-once.ts';

const PART = 64 * 1024;
/** What is younger is left alone: longer than a busy machine takes from the bytes to their row. */
const GRACE = '10s';
const OVERDUE = 12;

describe('two nodes sweep', { skip: noCluster }, () => {
  let postgres: Postgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres?.[Symbol.asyncDispose]());

  test("also at the same time: what is overdue or nobody's goes once, and what is being uploaded stays", async () => {
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

    await bucket.leaveOrphans();
    const api = new Api(cluster);
    const bytes = seededBytes(3 * PART, 'overdue');
    for (let n = 0; n < OVERDUE; n++)
      await uploadAtOnce(api, await api.createSession(`overdue-${n}`, bytes.length), bytes);
    await db.query('update upload_sessions set expires_at = $1', [Date.now()]);

    // Whoever's turn it is loses the lock that keeps the other node from its own, over and over.
    const takeLocks = async () => {
      await db.query(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted`);
    };
    const client = new PatientClient(cluster);
    const files = new Map<string, string>();
    for (let round = 0; (await bucket.orphans()) > 0 || round < 3; round++) {
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
    // Then all that they logged is here.
    for (const node of cluster.nodes) await node.stop();
    assert.equal(total(cluster, 'expired'), OVERDUE, 'a session was ended twice, or by nobody');
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

/** What of the bucket is the cluster's. */
class Bucket {
  readonly #client = new S3Client({ endpoint: s3Url(), forcePathStyle: true, region: 'us-east-1' });
  readonly #place: { Bucket: string; Prefix: string };
  readonly #orphans = new Set<string>();

  constructor({ storage }: Cluster) {
    const { host, pathname } = new URL(storage);
    this.#place = { Bucket: host, Prefix: `${pathname.slice(1)}/blobs/` };
  }

  /** What nodes leave that were killed between the bytes and their row: an upload under way, and an object. */
  async leaveOrphans(): Promise<void> {
    const { Bucket, Prefix } = this.#place;
    for (let n = 0; n < 10; n++) {
      const [upload, object] = [0, 1].map(() => Prefix + randomBytes(16).toString('hex')) as [string, string];
      await this.#client.send(new CreateMultipartUploadCommand({ Bucket, Key: upload }));
      await this.#client.send(new PutObjectCommand({ Bucket, Key: object, Body: 'of nobody' }));
      this.#orphans.add(upload).add(object);
    }
  }

  /** How many of them are left. */
  async orphans(): Promise<number> {
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

/** What the nodes have logged of a chore's counts, added up. */
function total({ nodes }: Cluster, count: string): number {
  const counts = nodes.flatMap((node) => [...node.stderr().matchAll(new RegExp(`"${count}":(\\d+)`, 'g'))]);
  return counts.reduce((sum, [, found]) => sum + Number(found), 0);
}
