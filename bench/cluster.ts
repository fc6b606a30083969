/**
 * Measures several nodes: the throughput of one node with PostgreSQL and Ceph, compared with a bare multipart upload to the
 * same Ceph; and the time from the last part to the 201 if parts arrive at two nodes. Databases, stores, nodes and load share
 * the machine, so compare only results of one run.
 *
 *   node bench/cluster.ts [--rounds 3] [--sizes 1,4] [--only bare|commit]
 *
 * bare    one node, 4 connections, compared with rclone and the AWS CLI with 4 concurrent parts of the same size
 * commit  two nodes behind nginx, round-robin, 4 connections
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster } from '../test/cluster/cluster.ts';
import { startCeph } from '../test/engines/ceph.ts';
import { startPostgres } from '../test/engines/postgres.ts';
import { createTestBucket } from '../test/s3/test-store.ts';
import { deleteAtExit } from '../test/support/leftovers.ts';
import { wholeDigest, writeBenchFile } from './body.ts';
import { AWS_CLI, type BareClient, RCLONE } from './cluster/bare-clients.ts';
import { type ClusterRun, printClusterSummary } from './cluster/report.ts';
import { upload } from './load/load.ts';
import { GIB, readProcess, saveResults } from './support.ts';

const CONNECTIONS = 4;
const BARE: readonly BareClient[] = [RCLONE, AWS_CLI];
/** Settings of a durable database. */
const DURABLE = { fsync: 'on', synchronous_commit: 'on' };

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    sizes: { type: 'string', default: '1,4' },
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const runs: ClusterRun[] = [];
for (const gib of values.sizes.split(',').map(Number)) {
  if (values.only !== 'commit') await beside(gib * GIB);
  if (values.only !== 'bare') await overTwoNodes(gib * GIB);
}
printClusterSummary(runs);
console.log(await saveResults('cluster', { connections: CONNECTIONS, runs }));

/** Starts a new Ceph for each comparison, because Ceph frees disk space only after hours. */
async function beside(size: number): Promise<void> {
  await using engines = await startEngines();
  const file = join(deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-bench-'))), 'bench.bin');
  await writeBenchFile(file, size);
  for (let round = 1; round <= rounds; round++) {
    await overNodes(engines, { size, round, nodes: 1 });
    for (const client of BARE) {
      const seconds = await client.upload({
        endpoint: engines.s3,
        file,
        key: `${client.name}-${round}`,
        connections: CONNECTIONS,
      });
      note({ contender: client.name, size, round, seconds });
    }
  }
}

async function overTwoNodes(size: number): Promise<void> {
  await using engines = await startEngines();
  for (let round = 1; round <= rounds; round++) await overNodes(engines, { size, round, nodes: 2 });
}

async function overNodes(
  engines: Engines,
  { size, round, nodes }: { size: number; round: number; nodes: number },
): Promise<void> {
  await using cluster = await startCluster({ nodes, postgres: engines.postgres, s3: engines.s3 });
  const pids = cluster.nodes.map(({ pid }) => pid);
  const cpu = (): CpuSeconds => {
    const read = pids.map(readProcess);
    return {
      all: read.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      loops: read.reduce((sum, { loopCpuSeconds }) => sum + loopCpuSeconds, 0),
    };
  };
  // A single node is used directly, so that the load balancer is not measured.
  const url = nodes === 1 ? (cluster.nodes[0]?.url ?? '') : cluster.url;
  const before = cpu();
  const loaded = await upload({
    ...{ protocol: 'partway', url, token: cluster.token, pid: pids[0] ?? 0 },
    ...{ size, digest: wholeDigest(size), connections: CONNECTIONS },
  }).catch((error: unknown) => {
    for (const node of cluster.nodes) console.error(node.stderr());
    throw error;
  });
  const after = cpu();
  const { seconds, commitSeconds = Number.NaN, serverPeakRssBytes } = loaded;
  note({
    ...{ contender: nodes === 1 ? 'partway' : `partway, ${nodes} nodes`, size, round },
    ...{
      seconds: seconds + commitSeconds,
      commitSeconds,
      cpuSeconds: after.all - before.all,
      loopCpuSeconds: after.loops - before.loops,
      peakRssBytes: serverPeakRssBytes,
    },
  });
}

interface CpuSeconds {
  all: number;
  /** The CPU time of the event loops alone, which more cores do not speed up. */
  loops: number;
}

interface Engines extends AsyncDisposable {
  postgres: { url: string };
  s3: string;
}

async function startEngines(): Promise<Engines> {
  await using started = new AsyncDisposableStack();
  const ceph = started.use(await startCeph());
  process.env.AWS_ACCESS_KEY_ID = ceph.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = ceph.secretAccessKey;
  await createTestBucket(ceph.url);
  const postgres = started.use(await startPostgres({ settings: DURABLE }));
  const running = started.move();
  return { postgres, s3: ceph.url, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function note(run: ClusterRun): void {
  runs.push(run);
  console.log(run);
}
