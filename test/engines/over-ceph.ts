import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { makeTestBucket } from '../s3/test-store.ts';
import { startCeph, whyNoCeph } from './ceph.ts';

/**
 * `npm run test:s3`: starts a Ceph, runs the suites of the S3 store and those that run over a disk otherwise, and stops
 * it. `npm run test:s3 -- test/s3/faults.test.ts` runs these files only.
 */
const SUITES = ['s3', 'faults', 'files', 'http', 'uploads'].map((room) => `test/${room}/**/*.test.ts`);

const reason = whyNoCeph();
if (reason !== undefined) throw new Error(reason);
const asked = process.argv.slice(2);
await using ceph = await startCeph();
Object.assign(process.env, {
  PARTWAY_TEST_S3: ceph.url,
  PARTWAY_TEST_STORAGE: 's3://partway-test',
  AWS_ACCESS_KEY_ID: ceph.accessKeyId,
  AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey,
  AWS_REGION: 'us-east-1',
});
await makeTestBucket(ceph.url);
const suites = spawn(process.execPath, ['--test', '--test-concurrency=3', ...(asked.length > 0 ? asked : SUITES)], {
  stdio: 'inherit',
});
const [code] = await once(suites, 'exit');
process.exitCode = code ?? 1;
