import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Postgres, startPostgres } from '../engines/postgres.ts';
import { startS3Proxy } from '../s3/s3-proxy.ts';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { until } from '../support/until.ts';
import { noCluster, SMALL_PARTS, startCluster } from './cluster.ts';
import { partsByNode } from './parts-by-node.ts';
import { PatientClient } from './patient-client.ts';

const PART = 64 * 1024;
const UPLOADS = 6;

describe('what lies behind the nodes is away for a while', { skip: noCluster }, () => {
  let postgres: Postgres;
  before(async () => {
    // What it has said must outlast its being killed.
    postgres = await startPostgres({ settings: { synchronous_commit: 'on' } });
  });
  after(() => postgres?.[Symbol.asyncDispose]());

  for (const [how, end] of [
    ['stopped', 'stop'],
    ['killed', 'kill'],
  ] as const) {
    test(`PostgreSQL, ${how} in the middle and started again: clients are told 503, try again, and have their files`, async () => {
      await using cluster = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS });
      const client = new PatientClient(cluster);
      const uploads = uploadSome(client, how);
      await until(() => client.acknowledged >= 20);
      await postgres[end]();
      await until(() => client.trouble.refused.length > 0);
      await postgres.start();
      await haveFiles(client, await uploads);
      assertPassing(client);
    });
  }

  test('S3 answers 503 SlowDown in the middle: clients have their files, and see 503 at worst', async () => {
    await using s3 = await startS3Proxy();
    await using cluster = await startCluster({ nodes: 2, postgres, s3: s3.url, env: SMALL_PARTS });
    const client = new PatientClient(cluster);
    const uploads = uploadSome(client, 'slow-down');
    await until(() => client.acknowledged >= 20);
    const slowDown = { status: 503, code: 'SlowDown' };
    for (const operation of ['UploadPart', 'CompleteMultipartUpload', 'CreateMultipartUpload'] as const) {
      s3.faults.push({ operation, times: 10, answer: slowDown });
    }
    await haveFiles(client, await uploads);
    assert.ok(
      s3.faults.every(({ operation }) => operation !== 'UploadPart'),
      'the fault never struck',
    );
    assertPassing(client);
  });
});

describe('a node is taken out', { skip: noCluster }, () => {
  let postgres: Postgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres?.[Symbol.asyncDispose]());

  test('out of the balancer first, then stopped: not one request fails', async () => {
    // nginx closes idle connections of clients when it is told to begin anew, also as they are used again: HTTP's own race.
    await using cluster = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS, oneRequestAConnection: true });
    const client = new PatientClient(cluster);
    const [leaving] = cluster.nodes;
    const address = new URL(leaving?.url ?? '').host;
    const uploads = uploadSome(client, 'taken-out', 3);
    await until(() => (partsByNode(cluster).get(address) ?? 0) >= 10);
    await cluster.nginx.takeOut(address);
    const taken = partsByNode(cluster).get(address);
    assert.equal(await leaving?.stop(), 0);
    await haveFiles(client, await uploads);
    assert.deepEqual(client.trouble, { refused: [], broken: 0 });
    assert.equal(partsByNode(cluster).get(address), taken, 'the node got requests after it was out');
  });

  test('stopped without a word: clients are told 503 at worst, and have their files', async () => {
    await using cluster = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS });
    const client = new PatientClient(cluster);
    const uploads = uploadSome(client, 'stopped', 3);
    await until(() => partsByNode(cluster).size === 2);
    assert.equal(await cluster.nodes[0]?.stop(), 0);
    await haveFiles(client, await uploads);
    assertPassing(client);
  });

  test('with no node left the balancer says 503 as Box would, and when to come again', async () => {
    await using cluster = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS });
    for (const node of cluster.nodes) await node.kill();
    const { status, headers, json } = await new Api(cluster).get('/folders/0');
    assert.equal(status, 503);
    assert.equal(headers['retry-after'], '2');
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.equal(json.type, 'error');
    assert.equal(json.code, 'unavailable');
    assert.equal(json.request_id, headers['box-request-id']);
  });

  test('a node that is to stop says so on /readyz, and takes requests until the balancer has heard', async () => {
    const env = { ...SMALL_PARTS, PARTWAY_SHUTDOWN_DELAY: '2s' };
    await using cluster = await startCluster({ nodes: 2, postgres, env });
    const [leaving] = cluster.nodes;
    const ready = async () => (await fetch(`${leaving?.url}/readyz`)).status;
    assert.equal(await ready(), 200);
    const stopped = leaving?.stop();
    await until(async () => (await ready()) === 503);
    const direct = new PatientClient({ url: leaving?.url ?? '', token: cluster.token });
    await direct.upload('at-the-last-moment.bin', seededBytes(PART, 'last moment'));
    assert.deepEqual(direct.trouble, { refused: [], broken: 0 });
    assert.equal(await stopped, 0);
  });
});

interface Made {
  id: string;
  sha1: string;
}

/** Uploads at once, `rounds` files after each other in each of them. */
async function uploadSome(client: PatientClient, name: string, rounds = 1): Promise<Made[]> {
  const lane = async (upload: number) => {
    const made: Made[] = [];
    for (let round = 0; round < rounds; round++) {
      const bytes = seededBytes(30 * PART + upload, `${name}-${upload}-${round}`);
      const { id } = await client.upload(`${name}-${upload}-${round}.bin`, bytes);
      made.push({ id, sha1: sha1Hex(bytes) });
    }
    return made;
  };
  return (await Promise.all(Array.from({ length: UPLOADS }, (_, upload) => lane(upload)))).flat();
}

async function haveFiles(client: PatientClient, files: readonly Made[]): Promise<void> {
  for (const { id, sha1 } of files) assert.equal(await client.sha1Of(id), sha1);
}

/** The worst that clients were told is to come again, and when. */
function assertPassing({ trouble }: PatientClient): void {
  assert.equal(trouble.broken, 0);
  for (const { status, retryAfter, message } of trouble.refused) {
    assert.equal(status, 503, message);
    assert.match(retryAfter ?? '', /^[0-9]+$/, message);
  }
}
