import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deleteAtExit } from '../../test/support/leftovers.ts';

const run = promisify(execFile);
/** Partway's part size for files of this size, so that the store has the same work. */
const PART = 8 * 1024 * 1024;

export interface BareUpload {
  endpoint: string;
  file: string;
  key: string;
  connections: number;
}

/** An S3 client that uploads a file directly to the bucket of the tests. */
export interface BareClient {
  name: string;
  /** @returns The seconds from start to end. */
  upload(upload: BareUpload): Promise<number>;
}

export const RCLONE: BareClient = {
  name: 'rclone',
  upload: ({ endpoint, file, key, connections }) =>
    timed('rclone', [
      ...['copyto', file, `:s3:partway-test/bare/${key}`, '--s3-provider', 'Ceph', '--s3-env-auth'],
      ...['--s3-endpoint', endpoint, '--s3-region', 'us-east-1', '--s3-force-path-style', '--s3-no-check-bucket'],
      ...['--s3-upload-cutoff', '5Mi', '--s3-chunk-size', String(PART), '--s3-upload-concurrency', String(connections)],
      // Without these, it would read the whole file first to compute its MD5.
      ...['--s3-disable-checksum', '--ignore-checksum', '--config', '/dev/null'],
    ]),
};

export const AWS_CLI: BareClient = {
  name: 'aws cli',
  async upload({ endpoint, file, key, connections }) {
    const config = join(deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-aws-'))), 'config');
    writeFileSync(
      config,
      `[default]\nregion = us-east-1\ns3 =\n  addressing_style = path\n  multipart_chunksize = ${PART}\n  max_concurrent_requests = ${connections}\n`,
    );
    const args = ['s3', 'cp', '--quiet', '--endpoint-url', endpoint, file, `s3://partway-test/bare/${key}`];
    return timed('aws', args, { AWS_CONFIG_FILE: config });
  },
};

async function timed(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const begun = performance.now();
  const { PATH, HOME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
  // Ignore other S3 settings of this machine.
  await run(program, [...args], { env: { PATH, HOME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...env } });
  return (performance.now() - begun) / 1000;
}
