/**
 * Compares a server on S3 with bare uploads to the same store: `node bench/s3.ts [GIB] [ROUNDS]`. Starts its own Ceph. The
 * bare uploads use the AWS CLI and rclone, which have to be installed. All send four parts at once. Each round measures all
 * of them in turn. Prints medians and spreads.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startCeph } from '../test/engines/ceph.ts';
import { createTestBucket, newLocation } from '../test/s3/test-store.ts';
import { createFile } from '../test/support/bytes.ts';
import { s3Settings } from '../test/support/storage.ts';
import { wholeDigest } from './body.ts';
import { upload } from './load/load.ts';
import { GIB, here, inNewFolder, MIB, median, spread, startPartway } from './support.ts';

const run = promisify(execFile);
const PARTS = [8, 64];

interface Figures {
  seconds: number;
  /** The CPU time of the process that sends to S3. */
  cpuSeconds: number;
}

const size = Number(process.argv[2] ?? 0.5) * GIB;
const rounds = Number(process.argv[3] ?? 3);
await using ceph = await startCeph();
Object.assign(process.env, {
  PARTWAY_TEST_S3: ceph.url,
  AWS_ACCESS_KEY_ID: ceph.accessKeyId,
  AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey,
  AWS_REGION: 'us-east-1',
});
await createTestBucket(ceph.url);
await inNewFolder(tmpdir(), async (folder) => {
  const file = join(folder, 'file.bin');
  await createFile(file, size, 'bench');
  const found = new Map<string, Figures[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const mib of PARTS) {
      await measure(`AWS CLI, parts of ${mib} MiB`, () => byAwsCli(folder, file, mib));
      await measure(`rclone, parts of ${mib} MiB`, () => byRclone(file, mib));
      await measure(`the driver, parts of ${mib} MiB`, () => byDriver(mib));
      await measure(`a server, parts of ${mib} MiB`, () => byServer(mib));
    }
  }

  async function measure(name: string, upload: () => Promise<Figures>): Promise<void> {
    const figures = await upload();
    found.set(name, [...(found.get(name) ?? []), figures]);
    console.log(`${name}: ${(size / 1e9 / figures.seconds).toFixed(3)} GB/s`);
  }
  console.log();
  for (const [name, runs] of found) {
    const rates = runs.map(({ seconds }) => size / 1e9 / seconds);
    const cpu = median(runs.map(({ cpuSeconds }) => cpuSeconds)) / (size / 1e9);
    console.log(
      `${name}: ${median(rates).toFixed(3)} GB/s ± ${(spread(rates) * 50).toFixed(0)} %, ${cpu.toFixed(2)} CPU-s/GB`,
    );
  }
});

async function byAwsCli(folder: string, file: string, mib: number): Promise<Figures> {
  const config = join(folder, 'aws-config');
  const parts = `  multipart_threshold = ${mib}MB\n  multipart_chunksize = ${mib}MB\n  max_concurrent_requests = 4\n`;
  await writeFile(config, `[default]\ns3 =\n${parts}  addressing_style = path\n`);
  const target = `s3://partway-test/bare/${newLocation().prefix}`;
  return timed(['aws', '--endpoint-url', ceph.url, 's3', 'cp', '--only-show-errors', file, target], {
    AWS_CONFIG_FILE: config,
  });
}

async function byRclone(file: string, mib: number): Promise<Figures> {
  const args = ['--s3-chunk-size', `${mib}M`, '--s3-upload-concurrency', '4', '--s3-upload-cutoff', `${mib}M`];
  return timed(['rclone', 'copyto', ...args, file, `bench:partway-test/bare/${newLocation().prefix}`], {
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_BENCH_TYPE: 's3',
    RCLONE_CONFIG_BENCH_PROVIDER: 'Ceph',
    RCLONE_CONFIG_BENCH_ENV_AUTH: 'true',
    RCLONE_CONFIG_BENCH_ENDPOINT: ceph.url,
    RCLONE_CONFIG_BENCH_NO_CHECK_BUCKET: 'true',
    AWS_CA_BUNDLE: '',
  });
}

/** Runs a command, and measures its time and CPU time with the shell's `time`. */
async function timed(command: readonly string[], env: Record<string, string>): Promise<Figures> {
  const { stderr } = await run('bash', ['-c', 'TIMEFORMAT=\'%R %U %S\'; time "$@"', 'bash', ...command], {
    env: { ...process.env, ...env },
  });
  const [seconds = Number.NaN, user = Number.NaN, system = Number.NaN] =
    stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  return { seconds, cpuSeconds: user + system };
}

async function byDriver(mib: number): Promise<Figures> {
  const { stdout } = await run(process.execPath, [here('s3/driver.ts'), String(size), String(mib * MIB)]);
  return JSON.parse(stdout) as Figures;
}

async function byServer(mib: number): Promise<Figures> {
  return inNewFolder(tmpdir(), async (folder) => {
    const settings = s3Settings(ceph.url, `s3://partway-test/${newLocation().prefix}`);
    const server = await startPartway(folder, { ...settings, PARTWAY_PART_SIZE: String(mib * MIB) });
    const {
      seconds,
      commitSeconds = 0,
      serverCpuSeconds,
    } = await upload({
      ...{ protocol: 'partway', ...server },
      ...{ size, digest: wholeDigest(size), connections: 4 },
    });
    await server.stop();
    return { seconds: seconds + commitSeconds, cpuSeconds: serverCpuSeconds };
  });
}
