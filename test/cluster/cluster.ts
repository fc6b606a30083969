import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Balancing, type Nginx, startNginx, whyNoNginx } from '../engines/nginx.ts';
import { noPostgres, type Postgres } from '../engines/postgres.ts';
import { createDatabase } from '../engines/postgres-database.ts';
import { s3Url, whyNoS3 } from '../s3/test-store.ts';
import { leftoverFolder, removeNow } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { sharedSettings } from '../support/shared-settings.ts';
import { type Certificates, makeCertificates } from '../support/tls.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

/** Why there can be no cluster here; false where there can. */
export const noCluster: string | false =
  (whyNoS3 && 'no S3 store to test on: npm run test:cluster starts a Ceph for these tests') ??
  (noPostgres || (whyNoNginx() ?? false));

/** Settings for files of few bytes and many parts. */
export const SMALL_PARTS = {
  PARTWAY_PART_SIZE: '64KiB',
  PARTWAY_MIN_SESSION_SIZE: '0',
};

export interface ClusterOptions extends Pick<Balancing, 'upstream' | 'oneRequestAConnection'> {
  nodes: number;
  /** A PostgreSQL that runs; the cluster gets a database of its own in it. */
  postgres: Pick<Postgres, 'url'>;
  /** The balancer speaks TLS, and the nodes behind it do not. */
  tls?: boolean;
  /** Settings of all nodes. */
  env?: Record<string, string>;
  /** Where S3 answers, if not at the test's own. */
  s3?: string;
}

/** Real servers behind a real balancer, over one database and one bucket. */
export interface Cluster extends AsyncDisposable {
  /** The balancer's. */
  url: string;
  /** The developer token of all nodes. */
  token: string;
  /** With `tls`: the authority to trust, among others. */
  certificates: Certificates | undefined;
  nodes: readonly TestServer[];
  nginx: Nginx;
  /** Of its own database. */
  database: string;
  /** Its place in the bucket, as `s3://bucket/prefix`. */
  storage: string;
}

export async function startCluster({ nodes: count, ...options }: ClusterOptions): Promise<Cluster> {
  const { postgres, tls, env, s3, ...balancing } = options;
  await using started = new AsyncDisposableStack();
  const name = `cluster_${randomBytes(8).toString('hex')}`;
  const folder = leftoverFolder(await mkdtemp(join(tmpdir(), 'partway-cluster-')));
  started.defer(() => removeNow(folder));
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
  const certificates = tls ? await makeCertificates(folder) : undefined;
  const plan = { ...balancing, nodes: addresses, ...(certificates && { tls: certificates }) };
  const nginx = started.use(await startNginx(plan));
  const running = started.move();
  const { url } = nginx;
  return {
    ...{ url, token: settings.PARTWAY_TOKEN, certificates, nodes, nginx, database, storage },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
