import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { legacyFilesOf } from '../clients/box-node-sdk-3/sdk.ts';
import { bash } from '../clients/curl/bash.ts';
import { type Postgres, startPostgres } from '../engines/postgres.ts';
import { Api } from '../support/api.ts';
import { createFile, seededBytes, sha1Hex } from '../support/bytes.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { type Cluster, noCluster, SMALL_PARTS, startCluster } from './cluster.ts';
import { countPartsByNode } from './count-parts-by-node.ts';
import { uploadInParallel } from './upload-in-parallel.ts';

const PART = 64 * 1024;
const UPLOAD_SH = fileURLToPath(new URL('../../examples/upload.sh', import.meta.url));

describe('uploads to two nodes behind a load balancer', { skip: noCluster }, () => {
  let postgres: Postgres;
  let cluster: Cluster;
  before(async () => {
    postgres = await startPostgres();
    cluster = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS });
  });
  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });

  test('with round robin, the parts of one upload arrive at both nodes, and the file is complete', async () => {
    const { session } = await uploadFile(cluster, 'in-turn.bin');
    const counts = countPartsByNode(cluster, session);
    assert.equal(counts.size, 2);
    for (const count of counts.values()) assert.ok(count >= 5, `one node got ${count} of 21 parts`);
  });

  test('with affinity, the parts of one upload arrive at one node, and uploads are spread over both', async () => {
    await using affine = await startCluster({
      ...{ nodes: 2, postgres, env: SMALL_PARTS, upstream: 'nginx/upstream-affinity.conf' },
    });
    const used = new Set<string>();
    // Each upload has a chance of one half to use the same node as the others.
    for (let upload = 0; upload < 40 && used.size < 2; upload++) {
      const { session } = await uploadFile(affine, `affine-${upload}.bin`);
      const counts = countPartsByNode(affine, session);
      assert.equal(counts.size, 1);
      for (const node of counts.keys()) used.add(node);
    }
    assert.equal(used.size, 2);
  });

  test('addresses in responses use the host of the request, and a client cannot forge them', async () => {
    const api = new Api(cluster);
    const headers = {
      host: 'files.example.com:8443',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
    };
    const body = { folder_id: '0', file_size: PART * 2, file_name: 'addresses.bin' };
    const { status, json } = await api.post('/files/upload_sessions', body, headers);
    assert.equal(status, 201);
    for (const address of Object.values(json.session_endpoints as Record<string, string>)) {
      assert.ok(address.startsWith('http://files.example.com:8443/2.0/files/upload_sessions/'), address);
    }
  });

  test('a download address signed by one node is valid at the other', async () => {
    const { file, bytes } = await uploadFile(cluster, 'signed.bin');
    for (const [from, to] of [cluster.nodes, cluster.nodes.toReversed()]) {
      const { headers } = await new Api({ url: from?.url ?? '', token: cluster.token }).get(`/files/${file}/content`);
      const answer = await fetch(String(headers.location).replace(from?.url ?? '', to?.url ?? ''));
      assert.equal(answer.status, 200);
      assert.ok(Buffer.from(await answer.arrayBuffer()).equals(bytes));
    }
  });

  test('a token granted by one node is valid at the other', async () => {
    const [first, second] = cluster.nodes;
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: cluster.token };
    const body = new URLSearchParams({
      ...form,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'base_upload',
    });
    const granted = await fetch(`${first?.url}/oauth2/token`, { method: 'POST', body });
    assert.equal(granted.status, 200);
    const { access_token: token } = (await granted.json()) as { access_token: string };
    const session = { folder_id: '0', file_size: PART, file_name: 'narrowed.bin' };
    assert.equal(
      (await new Api({ url: second?.url ?? '', token }).post('/files/upload_sessions', session)).status,
      201,
    );
  });

  test('curl uploads through the load balancer', async () => {
    const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-cluster-')));
    const file = join(folder, 'curl.bin');
    const sha1 = await createFile(file, 5 * PART + 7, 'curl through nginx');
    const env = { PARTWAY_URL: cluster.url, PARTWAY_TOKEN: cluster.token, FILE: file, UPLOAD_SH };
    assert.match(await bash('"$UPLOAD_SH" "$FILE"', env), new RegExp(sha1));
  });

  test('box-node-sdk 3 uploads four parts at a time through a load balancer with TLS', async () => {
    await using secure = await startCluster({ nodes: 2, postgres, env: SMALL_PARTS, tls: true });
    const files = legacyFilesOf(secure);
    const bytes = seededBytes(17 * PART + 99, 'box-node-sdk 3 through nginx');
    const uploader = await files.getChunkedUploader('0', bytes.length, 'sdk-3.bin', bytes, { parallelism: 4 });
    const { entries } = await uploader.start();
    assert.equal(entries[0].sha1, sha1Hex(bytes));
    assert.ok((await buffer(await files.getReadStream(entries[0].id))).equals(bytes));
    assert.equal(countPartsByNode(secure).size, 2);
  });
});

/** Uploads a file of 21 parts, four at a time, and downloads it. */
async function uploadFile(cluster: Cluster, name: string): Promise<{ session: string; file: string; bytes: Buffer }> {
  const bytes = seededBytes(20 * PART + 1, name);
  const api = new Api(cluster);
  const session = await api.createSession(name, bytes.length);
  const parts = await uploadInParallel(api, session, bytes);
  const made = await api.commit(session.id, parts, bytes);
  assert.equal(made.status, 201, made.text);
  const [{ id, sha1 }] = made.json.entries;
  assert.equal(sha1, sha1Hex(bytes));
  assert.ok((await api.download(id)).equals(bytes));
  return { session: session.id, file: id, bytes };
}
