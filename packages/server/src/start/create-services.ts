import type { Millis, SessionId } from '@partway/protocol/ids';
import type { FastifyBaseLogger } from 'fastify';
import { type Kysely, sql } from 'kysely';
import type { AuthContext } from '../auth/context.ts';
import { LoginAttempts } from '../auth/login/attempts.ts';
import { TokenCache } from '../auth/token-cache.ts';
import { ensureDeveloper } from '../auth/users/developer.ts';
import type { Config } from '../config/config.ts';
import type { Tables } from '../database/schema.ts';
import type { FileContext } from '../files/context.ts';
import { openTrashRetention } from '../files/retention/trash-retention.ts';
import { type Probe, Readiness } from '../http/routes/readiness.ts';
import type { HttpSettings, Services } from '../http/services.ts';
import { InFlightBlobs } from '../storage/in-flight.ts';
import type { GuardedClock } from '../time/clock.ts';
import type { UploadContext } from '../uploads/context.ts';
import { PartLocks } from '../uploads/part-locks.ts';
import { createPartReceiver } from '../uploads/part-receiver.ts';
import { KeyedQueue, SerialQueue } from '../util/keyed-queue.ts';
import { newNodeId, openHasher } from './open-hasher.ts';
import type { Resources } from './open-resources.ts';
import type { OpenedStorage } from './open-storage.ts';

/** A commit answers 202 after this time. Some clients time out after 60 s. */
const COMMIT_TIMEOUT: Millis = 45_000;
/** A connection whose request body or response is slower than this is closed. */
const MIN_BYTES_PER_SECOND = 1024;

/** Connects the modules: creates their contexts on the opened resources. The hash workers are closed with `opened`. */
export async function createServices(
  config: Config,
  resources: Resources,
  {
    clock,
    log,
    opened,
    handover,
  }: { clock: GuardedClock; log: FastifyBaseLogger; opened: AsyncDisposableStack; handover: HttpSettings['handover'] },
): Promise<Services> {
  const { db, aside, store, signingKey, native } = resources;
  const { blobs } = store;
  const auth: AuthContext = {
    db,
    developer: await ensureDeveloper(db, resources.developerToken, clock.now()),
    tokens: new TokenCache(),
    loginAttempts: new LoginAttempts(),
    clock,
  };
  const inFlight = new InFlightBlobs();
  const shared = { db, blobs, inFlight, clock };
  const { partSize, minSessionSize: minFileSize, maxFileSize, userQuota, sessionLifetime, limits } = config;
  const { registry, hasher } = openUploadHasher(config, { ...shared, native }, { log, opened });
  const uploads: UploadContext = {
    ...shared,
    registry,
    receiver: createPartReceiver({ blobs, registry, hasher }),
    hasher,
    partLocks: new PartLocks(),
    commits: new KeyedQueue<SessionId>(),
    limits: { ...limits, partSize, minFileSize, maxFileSize, userQuota, sessionLifetime },
  };
  const trashRetention = await openTrashRetention(db, config.trashRetention, clock);
  const treeBatches = new SerialQueue();
  const files: FileContext = { ...shared, maxFileSize, userQuota, limits, trashRetention, treeBatches };
  const readiness = new Readiness(createProbes(aside, store), {
    onError: (probe, error) => log.error({ probe, err: error }, 'not ready'),
    clock,
  });
  const settings = { ...toHttpSettings(config, signingKey), handover };
  return { auth, uploads, files, readiness, log, settings };
}

function openUploadHasher(
  config: Config,
  { db, blobs, clock, native }: Pick<UploadContext, 'db' | 'blobs' | 'clock'> & Pick<Resources, 'native'>,
  { log, opened }: { log: FastifyBaseLogger; opened: AsyncDisposableStack },
): Pick<UploadContext, 'registry' | 'hasher'> {
  const { registry, hasher, close } = openHasher(
    { db, blobs, node: newNodeId(), clock },
    {
      canReadParts: config.storage.kind === 'disk',
      url: config.database,
      native,
      threads: config.hashThreads ?? 1,
      onError: (session, error) =>
        log.warn({ session, err: error }, 'hashing an upload failed and will be tried again'),
    },
  );
  opened.defer(close);
  return { registry, hasher };
}

function toHttpSettings(config: Config, signingKey: Buffer): Omit<HttpSettings, 'handover'> {
  const { tls, publicUrl, trustedProxies, corsOrigins, downloads, maxConnections, maxPipelined } = config;
  return {
    tls,
    publicUrl,
    trustedProxies,
    corsOrigins,
    downloads,
    maxConnections,
    maxPipelined,
    signingKey,
    commitHoldMillis: COMMIT_TIMEOUT,
    rates: { calls: config.rateLimit, uploads: config.uploadRateLimit },
    bodyPace: minPace(config.bodyTimeout),
    responsePace: minPace(config.responseTimeout),
  };
}

/** Checks whether this node can serve requests. */
function createProbes(db: Kysely<Tables>, { ready }: OpenedStorage): Probe[] {
  const database: Probe = { name: 'database', check: () => sql`select 1`.execute(db) };
  return ready === undefined ? [database] : [database, { name: 'storage', check: ready }];
}

function minPace(windowMillis: Millis): { windowMillis: Millis; bytes: number } {
  return { windowMillis, bytes: (windowMillis / 1000) * MIN_BYTES_PER_SECOND };
}
