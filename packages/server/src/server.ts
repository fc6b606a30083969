import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import type { FastifyInstance } from 'fastify';
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
import { openAside, openDatabase } from './database/open-database.ts';
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
import { compareWithRows, followDatabase, saveTimeChore } from './time/database-clock.ts';
import type { UploadContext } from './uploads/context.ts';
import { deleteUnreferenced, discardBlobsOfEndedProcesses } from './uploads/delete-unreferenced.ts';
import { expireSessions } from './uploads/end-session.ts';
import { OrphanScan } from './uploads/orphan-scan.ts';
import { PartLocks } from './uploads/part-locks.ts';
import { KeyedQueue } from './util/keyed-queue.ts';
import { Turns } from './util/turns.ts';

/** A request may take 60 s with the least patient clients; a commit answers 202 before that. */
const COMMIT_HOLD_MILLIS = 45_000;
/** A body or a response slower than this many bytes a second is not worth its connection. */
const SLOWEST = 1024;

/** For how long a round looks for orphans on the disk: longer at the start, when a database may have been restored. */
const FIRST_ORPHAN_SEARCH: Millis = 5_000;
const ORPHAN_SEARCH: Millis = 250;

const CLOCK_JUMPED =
  'the wall clock is not where the monotonic clock or the database expected it: nothing expires by it until it has been steady for 15 minutes; check NTP';

/** A server that accepts connections. */
export interface RunningServer {
  /** Scheme, host and port it is listening on, and the public URL where one is set. */
  url: string;
  dataFolder: string;
  developerToken: string;
  /** Says that it is not ready, later takes nothing new, lets requests under way end, then closes the data folder. */
  stop(): Promise<void>;
}

/**
 * The composition root: config → drivers → rooms → edge. The only place that knows everything. What was opened when a
 * later step fails is closed again.
 * @param clock Of its own if a test wants to move it.
 */
export async function startServer(config: Config, clock = new GuardedClock()): Promise<RunningServer> {
  const log = openLog(config.logLevel);
  await using opened = new AsyncDisposableStack();
  const { database: url, databasePool: connections } = config;
  const folder = openDataFolder(config.dataFolder, { holdsRows: url === undefined });
  opened.defer(() => folder.close());

  const db = await openDatabase({
    url,
    file: folder.database,
    connections,
    onThreadDeath: (error) => log.error({ err: error }, 'a thread of the database ended, and is replaced'),
  });
  opened.defer(() => db.destroy());
  const aside = await openAside({ url }, db);
  opened.defer(() => aside.destroy());
  const budget = new ByteBudget(config.bufferBytes);
  const files = new DurableFiles({ budget });
  // Or a power cut after the first upload could take the whole folder, because its name was never synced.
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
  const following = openHasher(
    { db, blobs, node: newNodeId(), clock },
    {
      keepsBytes: config.storage.kind === 'disk',
      url,
      threads: config.digestThreads,
      onError: (session, error) =>
        log.warn({ session, err: error }, 'a digest could not go on, and will be tried again'),
    },
  );
  opened.defer(() => following.close());
  const { registry, hasher } = following;
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
  const tree: FileContext = { db, blobs, inFlight, clock, maxFileSize, userQuota, limits, turns: new Turns() };
  // Of several nodes another one may be writing it: there a writer is dead once its lease is over.
  if (url === undefined) await discardBlobsOfEndedProcesses(uploads);
  const readiness = new Readiness(probesOf(aside, store), {
    onError: (probe, error) => log.error({ probe, err: error }, 'not ready'),
    clock,
  });
  const app: FastifyInstance = await buildApp({
    auth,
    uploads,
    files: tree,
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
      commitHoldMillis: COMMIT_HOLD_MILLIS,
      rates: { calls: config.rateLimit, uploads: config.uploadRateLimit },
      bodyPace: paceOver(config.bodyTimeout),
      responsePace: paceOver(config.responseTimeout),
      maxPipelined: config.maxPipelined,
    },
  });
  clock.onJump = (by) => log.warn({ aheadMillis: by }, CLOCK_JUMPED);
  await compareWithRows(clock, db);
  opened.defer(() => saveTime(db, clock.trustedTime()).catch(() => {}));
  const { host, port } = config.listen;
  await app.listen({ host, port, listenTextResolver: () => `listening on ${addressOf(app, config)}` });
  opened.defer(() => closeWithin(app, config.shutdownGrace));

  const { orphanGrace: grace, orphanRetention: retention } = config;
  const orphans = new OrphanScan(uploads, {
    grace,
    retention,
    onFound: (count, keptUntil) =>
      app.log.warn(
        { orphans: count, keptUntil: new Date(keptUntil).toISOString() },
        `the store holds ${count} contents that no row of this database explains, and which are kept for now. If an older ` +
          'backup of the database was restored, they are the newer files: see "Restore an older database" in docs/operate/backup-and-restore.md',
      ),
  });
  let time = config.storage.kind === 's3' ? Number.POSITIVE_INFINITY : FIRST_ORPHAN_SEARCH;
  const search: BackgroundJob = {
    name: 'look for orphaned bytes',
    run: async (signal) => {
      const removed = await orphans.run({ budget: time, signal });
      if (config.storage.kind === 'disk') time = ORPHAN_SEARCH;
      return { orphans: removed };
    },
  };
  const jobs: BackgroundJob[] = [
    { name: 'end sessions past their time', run: async () => ({ expired: await expireSessions(uploads) }) },
    { name: 'delete unreferenced bytes', run: async () => ({ deleted: await deleteUnreferenced(uploads, { grace }) }) },
    {
      name: 'end copies and deletions that were left',
      run: async (signal) => ({ ended: await finishTreeJobs({ auth, files: tree, uploads }, { signal }) }),
    },
    { name: 'forget expired tokens', run: async () => ({ forgotten: await deleteExpiredTokens(auth) }) },
    // It lists the whole store, which a bucket counts by calls; what is new there is nobody's orphan for that long.
    config.storage.kind === 's3' ? throttled(search, { every: grace, db, clock, shared: url !== undefined }) : search,
    saveTimeChore(clock, db),
  ];
  const interval = config.sweepInterval;
  opened.defer(
    startJobs(jobs, {
      interval,
      ...(url !== undefined && { runExclusive: (round) => withLeaderLock(aside, { interval, round }) }),
      onDone: (chore, counts) => log.info({ chore, ...counts }, 'swept'),
      onError: (chore, error) => log.error({ chore, err: error }, 'the sweep failed and is tried again'),
    }),
  );
  hasher.resume().catch((error: unknown) => log.error({ err: error }, 'catching up failed'));

  const closing = opened.move();
  const stop = async () => {
    readiness.stop();
    await sleep(config.shutdownDelay);
    await closing.disposeAsync();
  };
  return { url: addressOf(app, config), dataFolder: folder.path, developerToken, stop };
}

/** Of several nodes on one database, one does it for all. */
function throttled(
  job: BackgroundJob,
  { every, db, clock, shared }: { every: Millis; db: Kysely<Tables>; clock: Clock; shared: boolean },
): BackgroundJob {
  const isDueHere = shared ? () => claimRun(db, 'last-orphan-scan', every) : undefined;
  return throttle(clock, every, job, isDueHere);
}

/** What has to be there for this node to serve. */
function probesOf(db: Kysely<Tables>, { ready }: OpenedStorage): Probe[] {
  const database: Probe = { name: 'database', check: () => sql`select 1`.execute(db) };
  return ready === undefined ? [database] : [database, { name: 'storage', check: ready }];
}

function paceOver(windowMillis: Millis): { windowMillis: Millis; bytes: number } {
  return { windowMillis, bytes: (windowMillis / 1000) * SLOWEST };
}

/** Lets requests under way end, for `grace` milliseconds; then their connections are closed. */
async function closeWithin(app: FastifyInstance, grace: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), grace);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

function addressOf(app: FastifyInstance, { tls, listen }: Config): string {
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : listen.port;
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return `${tls ? 'https' : 'http'}://${host}:${port}`;
}
