import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type LoadBalancing, type Nginx, nginxSkipReason, startNginx } from '../engines/nginx.ts';
import { noPostgres, type Postgres } from '../engines/postgres.ts';
import { createDatabase } from '../engines/postgres-database.ts';
import { s3Url, whyNoS3 } from '../s3/test-store.ts';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { sharedSettings } from '../support/shared-settings.ts';
import { type Certificates, createCertificates } from '../support/tls.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

/** Why a cluster cannot be started here; false if it can. */
export const noCluster: string | false =
  (whyNoS3 && 'no S3 store to test on: npm run test:cluster starts a Ceph for these tests') ??
  (noPostgres || (nginxSkipReason() ?? false));

/** Settings for small files with many parts. */
export const SMALL_PARTS = {
  PARTWAY_PART_SIZE: '64KiB',
  PARTWAY_MIN_SESSION_SIZE: '0',
};

export interface ClusterOptions extends Pick<LoadBalancing, 'upstream' | 'oneRequestPerConnection'> {
  nodes: number;
  /** A running PostgreSQL server; the cluster gets its own database in it. */
  postgres: Pick<Postgres, 'url'>;
  /** The load balancer uses TLS; the nodes behind it do not. */
  tls?: boolean;
  /** Settings of all nodes. */
  env?: Record<string, string>;
  /** The S3 endpoint, by default that of the tests. */
  s3?: string;
}

/** Real servers behind a real load balancer, with one database and one bucket. */
export interface Cluster extends AsyncDisposable {
  /** The load balancer's address. */
  url: string;
  /** The developer token of all nodes. */
  token: string;
  /** With `tls`: the CA to trust in addition to others. */
  certificates: Certificates | undefined;
  nodes: readonly TestServer[];
  nginx: Nginx;
  /** Its own database. */
  database: string;
  /** Its place in the bucket, as `s3://bucket/prefix`. */
  storage: string;
}

export async function startCluster({ nodes: count, ...options }: ClusterOptions): Promise<Cluster> {
  const { postgres, tls, env, s3, ...balancing } = options;
  await using started = new AsyncDisposableStack();
  const name = `cluster_${randomBytes(8).toString('hex')}`;
  const folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-cluster-')));
  started.defer(() => deleteFolder(folder));
  const database = await createDatabase(postgres.url, name);
  const storage = `s3://partway-test/${name}`;
  const settings = {
    ...(await sharedSettings(folder, { database, storage, s3: s3 ?? s3Url() })),
    PARTWAY_TRUSTED_PROXIES: '127.0.0.1',
    ...env,
  };
  await promisify(execFile)(process.execPath, [PARTWAY, 'migrate'], {
    env: { PATH: process.env.PATH, ...settings, PARTWAY_DATA: join(folder, 'migrate') },
  });
  const nodes = await Promise.all(
    Array.from({ length: count }, async () => started.use(await startServer({ env: settings }))),
  );
  const addresses = nodes.map(({ url }) => new URL(url).host);
  const certificates = tls ? await createCertificates(folder) : undefined;
  const plan = { ...balancing, nodes: addresses, ...(certificates && { tls: certificates }) };
  const nginx = started.use(await startNginx(plan));
  const running = started.move();
  const { url } = nginx;
  return {
    ...{ url, token: settings.PARTWAY_TOKEN, certificates, nodes, nginx, database, storage },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
