import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { type Kysely, sql } from 'kysely';
import type { AuthContext } from './auth/context.ts';
import { LoginAttempts } from './auth/login/attempts.ts';
import { TokenCache } from './auth/token-cache.ts';
import { deleteExpiredTokens } from './auth/tokens/delete-expired.ts';
import { finishTreeJobs } from './auth/users/delete.ts';
import { ensureDeveloper } from './auth/users/developer.ts';
import type { Config } from './config/config.ts';
import { openDataFolder, syncNamesAbove } from './data-folder/data-folder.ts';
import { claimOwnership } from './data-folder/ownership.ts';
import { checkSharedSecrets } from './data-folder/shared-secrets.ts';
import { claimRun, withLeaderLock } from './database/cluster-jobs.ts';
import { openDatabase, openSeparateConnections } from './database/open-database.ts';
import type { Tables } from './database/schema.ts';
import { saveTime } from './database/time.ts';
import type { FileContext } from './files/context.ts';
import { buildApp } from './http/app.ts';
import { type Probe, Readiness } from './http/routes/readiness.ts';
import { type BackgroundJob, startJobs } from './jobs/scheduler.ts';
import { throttle } from './jobs/throttle.ts';
import { openLog } from './logging/logger.ts';
import { newNodeId, openHasher } from './open-hasher.ts';
import { type OpenedStorage, openStorage } from './open-storage.ts';
import { DurableFiles } from './storage/disk/durable-files.ts';
import { InFlightBlobs } from './storage/in-flight.ts';
import { ByteBudget } from './storage/s3/byte-budget.ts';
import { type Clock, GuardedClock } from './time/clock.ts';
import { compareWithRows, createSaveTimeJob, followDatabase } from './time/database-clock.ts';
import type { UploadContext } from './uploads/context.ts';
import { deleteUnreferenced, discardBlobsOfEndedProcesses } from './uploads/delete-unreferenced.ts';
import { expireSessions } from './uploads/end-session.ts';
import { OrphanScan } from './uploads/orphan-scan.ts';
import { PartLocks } from './uploads/part-locks.ts';
import { KeyedQueue, SerialQueue } from './util/keyed-queue.ts';

/** A commit answers 202 after this time. Some clients time out after 60 s. */
const COMMIT_TIMEOUT: Millis = 45_000;
/** A connection whose request body or response is slower than this is closed. */
const MIN_BYTES_PER_SECOND = 1024;

/** Time per run to look for orphans on disk. Longer at the start, because the database may have been restored. */
const FIRST_ORPHAN_SCAN: Millis = 5_000;
const ORPHAN_SCAN: Millis = 250;

const CLOCK_JUMPED =
  'the wall clock does not agree with the monotonic clock or the database; data does not expire by it until it has been steady for 15 minutes; check NTP';

/** A server that accepts connections. */
export interface RunningServer {
  /** Scheme, host and port that the server listens on. */
  url: string;
  dataFolder: string;
  developerToken: string;
  /** Reports "not ready", waits for the shutdown delay, stops accepting requests, waits for those in progress, and closes. */
  stop(): Promise<void>;
}

/**
 * The composition root: opens the drivers, connects the modules, starts the HTTP layer and the background jobs. If a step
 * fails, everything opened before it is closed.
 * @param clock Tests pass a clock that they control.
 */
export async function startServer(config: Config, clock = new GuardedClock()): Promise<RunningServer> {
  const log = openLog(config.logLevel);
  await using opened = new AsyncDisposableStack();
  const { database: url, databasePool: connections } = config;
  const folder = openDataFolder(config.dataFolder, { hasDatabase: url === undefined });
  opened.defer(() => folder.close());

  const db = await openDatabase({
    url,
    file: folder.database,
    connections,
    onThreadExit: (error) => log.error({ err: error }, 'a database thread died and is being replaced'),
  });
  opened.defer(() => db.destroy());
  const aside = await openSeparateConnections({ url }, db);
  opened.defer(() => aside.destroy());
  const budget = new ByteBudget(config.bufferBytes);
  const files = new DurableFiles({ budget });
  // Otherwise, a power cut after the first upload could lose the whole folder, whose name was never synced.
  await syncNamesAbove(folder.path);
  const store = await openStorage(config.storage, { folder: folder.path, files, budget });
  const { blobs } = store;
  opened.defer(() => store.close());
  const marker = store.marker ?? folder.marker;
  await claimOwnership({ db, blobs, marker, ownFolder: url === undefined && marker === folder.marker });

  if (url !== undefined) opened.defer(await followDatabase(clock, aside));
  const developerToken = config.token ?? (await folder.developerToken());
  const signingKey = config.signingKey ?? (await folder.signingKey());
  if (url !== undefined) await checkSharedSecrets(db, { signingKey, developerToken }, folder.path);
  const auth: AuthContext = {
    db,
    developer: await ensureDeveloper(db, developerToken, clock.now()),
    tokens: new TokenCache(),
    loginAttempts: new LoginAttempts(),
    clock,
  };
  const openedHasher = openHasher(
    { db, blobs, node: newNodeId(), clock },
    {
      canReadParts: config.storage.kind === 'disk',
      url,
      threads: config.digestThreads,
      onError: (session, error) =>
        log.warn({ session, err: error }, 'hashing an upload failed and will be tried again'),
    },
  );
  opened.defer(() => openedHasher.close());
  const { registry, hasher } = openedHasher;
  const { partSize, minSessionSize, maxFileSize, userQuota, sessionLifetime, limits } = config;
  const inFlight = new InFlightBlobs();
  const uploads: UploadContext = {
    db,
    blobs,
    inFlight,
    registry,
    hasher,
    partLocks: new PartLocks(),
    commits: new KeyedQueue(),
    limits: { ...limits, partSize, minFileSize: minSessionSize, maxFileSize, userQuota, sessionLifetime },
    clock,
  };
  const fileContext: FileContext = {
    db,
    blobs,
    inFlight,
    clock,
    maxFileSize,
    userQuota,
    limits,
    treeBatches: new SerialQueue(),
  };
  // With several nodes, another node may be writing these blobs; they are deleted when their lease expires.
  if (url === undefined) await discardBlobsOfEndedProcesses(uploads);
  const readiness = new Readiness(createProbes(aside, store), {
    onError: (probe, error) => log.error({ probe, err: error }, 'not ready'),
    clock,
  });
  const app: FastifyInstance = await buildApp({
    auth,
    uploads,
    files: fileContext,
    readiness,
    log,
    settings: {
      tls: config.tls,
      publicUrl: config.publicUrl,
      trustedProxies: config.trustedProxies,
      corsOrigins: config.corsOrigins,
      downloads: config.downloads,
      signingKey,
      maxConnections: config.maxConnections,
      commitHoldMillis: COMMIT_TIMEOUT,
      rates: { calls: config.rateLimit, uploads: config.uploadRateLimit },
      bodyPace: minPace(config.bodyTimeout),
      responsePace: minPace(config.responseTimeout),
      maxPipelined: config.maxPipelined,
    },
  });
  clock.onJump = (by) => log.warn({ aheadMillis: by }, CLOCK_JUMPED);
  await compareWithRows(clock, db);
  opened.defer(() => saveTime(db, clock.trustedTime()).catch(() => {}));
  const { host, port } = config.listen;
  await app.listen({ host, port, listenTextResolver: () => `listening on ${getUrl(app, config)}` });
  opened.defer(() => closeWithin(app, config.shutdownGrace));

  const jobs = createJobs({ auth, uploads, files: fileContext, clock }, { config, log });
  const interval = config.sweepInterval;
  opened.defer(
    startJobs(jobs, {
      interval,
      ...(url !== undefined && { runExclusive: (runJobs) => withLeaderLock(aside, { interval, run: runJobs }) }),
      onDone: (job, counts) => log.info({ job, ...counts }, 'background job done'),
      onError: (job, error) => log.error({ job, err: error }, 'background job failed and will be tried again'),
    }),
  );
  hasher.resume().catch((error: unknown) => log.error({ err: error }, 'resuming the hashes of open uploads failed'));

  const closing = opened.move();
  const stop = async () => {
    readiness.stop();
    await sleep(config.shutdownDelay);
    await closing.disposeAsync();
  };
  return { url: getUrl(app, config), dataFolder: folder.path, developerToken, stop };
}

interface JobDeps {
  auth: AuthContext;
  uploads: UploadContext;
  files: FileContext;
  clock: GuardedClock;
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

/** Checks whether this node can serve requests. */
function createProbes(db: Kysely<Tables>, { ready }: OpenedStorage): Probe[] {
  const database: Probe = { name: 'database', check: () => sql`select 1`.execute(db) };
  return ready === undefined ? [database] : [database, { name: 'storage', check: ready }];
}

function minPace(windowMillis: Millis): { windowMillis: Millis; bytes: number } {
  return { windowMillis, bytes: (windowMillis / 1000) * MIN_BYTES_PER_SECOND };
}

/** Waits for requests in progress, but no longer than `grace`; then closes their connections. */
async function closeWithin(app: FastifyInstance, grace: Millis): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), grace);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

function getUrl(app: FastifyInstance, { tls, listen }: Config): string {
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : listen.port;
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return `${tls ? 'https' : 'http'}://${host}:${port}`;
}
