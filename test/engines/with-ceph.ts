/**
 * Runs a command beside a Ceph of its own: `node test/engines/with-ceph.ts COMMAND ARGUMENTS…`. The command finds the
 * store's address in PARTWAY_TEST_S3 and its keys in the AWS SDK's variables. Ends as the command does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { makeTestBucket } from '../s3/test-store.ts';
import { startCeph, whyNoCeph } from './ceph.ts';

const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error('give a command to run beside Ceph');
const reason = whyNoCeph();
if (reason !== undefined) {
  console.error(reason);
  process.exit(1);
}
const ceph = await startCeph();
const env = {
  PARTWAY_TEST_S3: ceph.url,
  AWS_ACCESS_KEY_ID: ceph.accessKeyId,
  AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey,
  AWS_REGION: 'us-east-1',
};
Object.assign(process.env, env);
await makeTestBucket(ceph.url);
const child = spawn(command, args, { stdio: 'inherit', env: process.env });
const [code] = await once(child, 'exit');
await ceph.stop();
process.exitCode = typeof code === 'number' ? code : 1;
