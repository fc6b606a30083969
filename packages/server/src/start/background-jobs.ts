import type { Millis } from '@partway/protocol/ids';
import type { FastifyBaseLogger } from 'fastify';
import type { Kysely } from 'kysely';
import type { AuthContext } from '../auth/context.ts';
import { deleteExpiredTokens } from '../auth/tokens/delete-expired.ts';
import { finishTreeJobs } from '../auth/users/delete.ts';
import type { Config } from '../config/config.ts';
import { claimRun, withLeaderLock } from '../database/cluster-jobs.ts';
import type { Tables } from '../database/schema.ts';
import type { FileContext } from '../files/context.ts';
import { emptyTrash } from '../files/retention/empty-trash.ts';
import { type BackgroundJob, startJobs } from '../jobs/scheduler.ts';
import { throttle } from '../jobs/throttle.ts';
import type { Clock, GuardedClock } from '../time/clock.ts';
import { createSaveTimeJob } from '../time/database-clock.ts';
import type { UploadContext } from '../uploads/context.ts';
import { deleteUnreferenced } from '../uploads/delete-unreferenced.ts';
import { expireSessions } from '../uploads/end-session.ts';
import { OrphanScan } from '../uploads/orphan-scan.ts';

/** Time per run to look for orphans on disk. Longer at the start, because the database may have been restored. */
const FIRST_ORPHAN_SCAN: Millis = 5_000;
const ORPHAN_SCAN: Millis = 250;

interface JobDeps {
  auth: AuthContext;
  uploads: UploadContext;
  files: FileContext;
  clock: GuardedClock;
}

/**
 * Starts the background jobs. If nodes share a database, one of them at a time runs the jobs.
 * @param aside Database connections of their own, which requests do not use.
 * @returns A function that stops the jobs and waits for the one in progress.
 */
export function startBackgroundJobs(
  deps: JobDeps,
  { config, log, aside }: { config: Config; log: FastifyBaseLogger; aside: Kysely<Tables> },
): () => Promise<void> {
  const interval = config.sweepInterval;
  return startJobs(createJobs(deps, { config, log }), {
    interval,
    ...(config.database !== undefined && {
      runExclusive: (runJobs) => withLeaderLock(aside, { interval, run: runJobs }),
    }),
    onDone: (job, counts) => log.info({ job, ...counts }, 'background job done'),
    onError: (job, error) => log.error({ job, err: error }, 'background job failed and will be tried again'),
  });
}

function createJobs(
  { auth, uploads, files, clock }: JobDeps,
  { config, log }: { config: Config; log: FastifyBaseLogger },
): BackgroundJob[] {
  const { db } = uploads;
  const { orphanGrace: grace, orphanRetention: retention } = config;
  const isOnS3 = config.storage.kind === 's3';
  const orphans = new OrphanScan(uploads, {
    grace,
    retention,
    onFound: (count, keptUntil) =>
      log.warn(
        { orphans: count, keptUntil: new Date(keptUntil).toISOString() },
        'found orphans, which are blobs in the store without a row in this database; they are kept for now. If an older ' +
          'backup of the database was restored, they are the newer files: see "Restore an older database" in docs/operate/backup-and-restore.md',
      ),
  });
  let budget = isOnS3 ? Number.POSITIVE_INFINITY : FIRST_ORPHAN_SCAN;
  const scan: BackgroundJob = {
    name: 'scan for orphans',
    run: async (signal) => {
      const removed = await orphans.run({ budget, signal });
      if (!isOnS3) budget = ORPHAN_SCAN;
      return { orphans: removed };
    },
  };
  const isShared = config.database !== undefined;
  return [
    { name: 'end expired sessions', run: async () => ({ expired: await expireSessions(uploads) }) },
    { name: 'delete unreferenced blobs', run: async () => ({ deleted: await deleteUnreferenced(uploads, { grace }) }) },
    { name: 'empty the trash', run: async (signal) => ({ ...(await emptyTrash(files, { signal })) }) },
    {
      name: 'finish interrupted copies and deletions',
      run: async (signal) => ({ finished: await finishTreeJobs({ auth, files, uploads }, { signal }) }),
    },
    { name: 'delete expired tokens', run: async () => ({ tokens: await deleteExpiredTokens(auth) }) },
    // On S3, a scan lists the whole bucket, and requests cost money. Blobs younger than `grace` are never orphans.
    isOnS3 ? throttleOrphanScan(scan, { interval: grace, db, clock, isShared }) : scan,
    createSaveTimeJob(clock, db),
  ];
}

/** Limits how often orphans are searched. If nodes share a database, the interval applies to all of them together. */
function throttleOrphanScan(
  job: BackgroundJob,
  { interval, db, clock, isShared }: { interval: Millis; db: Kysely<Tables>; clock: Clock; isShared: boolean },
): BackgroundJob {
  return throttle(clock, interval, job, isShared ? () => claimRun(db, 'last-orphan-scan', interval) : undefined);
}
