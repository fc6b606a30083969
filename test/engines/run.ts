/**
 * `npm run engines`: starts a PostgreSQL and a Ceph for several servers until Ctrl-C, and prints their settings. For
 * experiments only: nothing is synced, and all data is deleted.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestBucket } from '../s3/test-store.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { sharedSettings } from '../support/shared-settings.ts';
import { cephSkipReason, startCeph } from './ceph.ts';
import { noPostgres, startPostgres } from './postgres.ts';
import { createDatabase } from './postgres-database.ts';

const reason = cephSkipReason() ?? (noPostgres || undefined);
if (reason !== undefined) throw new Error(reason);
console.error('Starting PostgreSQL and Ceph: half a minute.');
const [postgres, ceph] = await Promise.all([startPostgres(), startCeph()]);
process.env.AWS_ACCESS_KEY_ID = ceph.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = ceph.secretAccessKey;
await createTestBucket(ceph.url);
const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-engines-')));
const settings = await sharedSettings(folder, {
  database: await createDatabase(postgres.url, 'partway'),
  storage: `s3://partway-test/${randomBytes(4).toString('hex')}`,
  s3: ceph.url,
});
for (const [name, value] of Object.entries(settings)) console.log(`export ${name}='${value}'`);
console.error('Both run until Ctrl-C. Paste the lines above where servers are started.');
setInterval(() => {}, 60_000);
