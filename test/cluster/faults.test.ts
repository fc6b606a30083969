import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Postgres, startPostgres } from '../engines/postgres.ts';
import { startS3Proxy } from '../s3/s3-proxy.ts';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { until } from '../support/until.ts';
import { noCluster, SMALL_PARTS, startCluster } from './cluster.ts';
import { countPartsByNode } from './count-parts-by-node.ts';
import { RetryingClient } from './retrying-client.ts';

const PART = 64 * 1024;
const UPLOADS = 6;

describe('outages of services behind the nodes', { skip: noCluster }, () => {
  let postgres: Postgres;
  before(async () => {
    // What it has confirmed has to survive being killed.
    postgres = await startPostgres({ settings: { synchronous_commit: 'on' } });
  });
  after(() => postgres?.[Symbol.asyncDispose]());

  for (const [how, end] of [
    ['stopped', 'stop'],
    ['killed', 'kill'],
  ] as const) {
    test(`while PostgreSQL is ${how} and started again, clients get 503, retry and complete their uploads`, async () => {
      await using cluster = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS });
      const client = new RetryingClient(cluster);
      const uploads = uploadSome(client, how);
      await until(() => client.acknowledged >= 20);
      await postgres[end]();
      await until(() => client.errors.refused.length > 0);
      await postgres.start();
      await assertFiles(client, await uploads);
      assertTemporaryErrors(client);
    });
  }

  test('while S3 responds 503 SlowDown, clients get 503 at worst and complete their uploads', async () => {
    await using s3 = await startS3Proxy();
    await using cluster = await startCluster({ nodes: 2, postgres, s3: s3.url, env: SMALL_PARTS });
    const client = new RetryingClient(cluster);
    const uploads = uploadSome(client, 'slow-down');
    await until(() => client.acknowledged >= 20);
    const slowDown = { status: 503, code: 'SlowDown' };
    for (const operation of ['UploadPart', 'CompleteMultipartUpload', 'CreateMultipartUpload'] as const) {
      s3.faults.push({ operation, times: 10, sendError: slowDown });
    }
    await assertFiles(client, await uploads);
    assert.ok(
      s3.faults.every(({ operation }) => operation !== 'UploadPart'),
      'the fault never struck',
    );
    assertTemporaryErrors(client);
  });
});

describe('removal of a node', { skip: noCluster }, () => {
  let postgres: Postgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres?.[Symbol.asyncDispose]());

  test('no request fails if a node is removed from the load balancer before it stops', async () => {
    // nginx closes idle client connections when it reloads, even while they are being reused: a race inherent in
    // HTTP.
    await using cluster = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS, oneRequestPerConnection: true });
    const client = new RetryingClient(cluster);
    const [stopping] = cluster.nodes;
    const address = new URL(stopping?.url ?? '').host;
    const uploads = uploadSome(client, 'taken-out', 3);
    await until(() => (countPartsByNode(cluster).get(address) ?? 0) >= 10);
    await cluster.nginx.setDown(address);
    const taken = countPartsByNode(cluster).get(address);
    assert.equal(await stopping?.stop(), 0);
    await assertFiles(client, await uploads);
    assert.deepEqual(client.errors, { refused: [], broken: 0 });
    assert.equal(countPartsByNode(cluster).get(address), taken, 'the node got requests after it was removed');
  });

  test('when a node is killed, clients get 503 at worst and complete their uploads', async () => {
    await using cluster = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS });
    const client = new RetryingClient(cluster);
    const uploads = uploadSome(client, 'stopped', 3);
    await until(() => countPartsByNode(cluster).size === 2);
    assert.equal(await cluster.nodes[0]?.stop(), 0);
    await assertFiles(client, await uploads);
    assertTemporaryErrors(client);
  });

  test("without nodes, the load balancer responds 503 with Box's headers and Retry-After", async () => {
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

  test('a stopping node is not ready on /readyz and serves requests until the load balancer notices', async () => {
    const env = { ...SMALL_PARTS, PARTWAY_SHUTDOWN_DELAY: '2s' };
    await using cluster = await startCluster({ nodes: 2, postgres, env });
    const [stopping] = cluster.nodes;
    const ready = async () => (await fetch(`${stopping?.url}/readyz`)).status;
    assert.equal(await ready(), 200);
    const stopped = stopping?.stop();
    await until(async () => (await ready()) === 503);
    const direct = new RetryingClient({ url: stopping?.url ?? '', token: cluster.token });
    await direct.upload('at-the-last-moment.bin', seededBytes(PART, 'last moment'));
    assert.deepEqual(direct.errors, { refused: [], broken: 0 });
    assert.equal(await stopped, 0);
  });
});

interface UploadedFile {
  id: string;
  sha1: string;
}

/** Uploads `rounds` files one after the other in each of several concurrent workers. */
async function uploadSome(client: RetryingClient, name: string, rounds = 1): Promise<UploadedFile[]> {
  const runWorker = async (upload: number) => {
    const made: UploadedFile[] = [];
    for (let round = 0; round < rounds; round++) {
      const bytes = seededBytes(30 * PART + upload, `${name}-${upload}-${round}`);
      const { id } = await client.upload(`${name}-${upload}-${round}.bin`, bytes);
      made.push({ id, sha1: sha1Hex(bytes) });
    }
    return made;
  };
  return (await Promise.all(Array.from({ length: UPLOADS }, (_, upload) => runWorker(upload)))).flat();
}

async function assertFiles(client: RetryingClient, files: readonly UploadedFile[]): Promise<void> {
  for (const { id, sha1 } of files) assert.equal(await client.sha1Of(id), sha1);
}

/** Asserts that clients got nothing worse than 503 with Retry-After. */
function assertTemporaryErrors({ errors: trouble }: RetryingClient): void {
  assert.equal(trouble.broken, 0);
  for (const { status, retryAfter, message } of trouble.refused) {
    assert.equal(status, 503, message);
    assert.match(retryAfter ?? '', /^[0-9]+$/, message);
  }
}
