import { setTimeout as sleep } from 'node:timers/promises';
import type { Native } from '@partway/native/native';
import type { Millis } from '@partway/protocol/ids';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config/config.ts';
import { saveTime } from './database/time.ts';
import { buildApp } from './http/app.ts';
import { openLog } from './logging/logger.ts';
import { startBackgroundJobs } from './start/background-jobs.ts';
import { createServices } from './start/create-services.ts';
import { openHandover } from './start/handover.ts';
import { openResources } from './start/open-resources.ts';
import { GuardedClock } from './time/clock.ts';
import { compareWithRows } from './time/database-clock.ts';
import { discardBlobsOfEndedProcesses } from './uploads/delete-unreferenced.ts';

const CLOCK_JUMPED =
  'the wall clock does not agree with the monotonic clock or the database; data does not expire by it until it has been steady for 15 minutes; check NTP';

/** A server that accepts connections. */
export interface RunningServer {
  /** Scheme, host and port that the server listens on. */
  url: string;
  dataFolder: string;
  developerToken: string;
  /** What hashes parts and files, for the operator. */
  hashing: string;
  /** Resolves when it is known whether connections can be handed over to native threads. Requests do not wait for it. */
  checked: Promise<void>;
  /** Reports "not ready", waits for the shutdown delay, stops accepting requests, waits for those in progress, and closes. */
  stop(): Promise<void>;
}

/**
 * Starts a server: opens the data folder, the database and the store; connects the modules; listens; starts the background
 * jobs. If a step fails, everything opened before it is closed.
 * @param clock Tests pass a clock that they control.
 */
export async function startServer(config: Config, clock = new GuardedClock()): Promise<RunningServer> {
  const log = openLog(config.logLevel);
  await using opened = new AsyncDisposableStack();
  const resources = await openResources(config, { clock, log, opened });
  const handover = openHandover(config, resources, log);
  clock.onJump = (by) => log.warn({ aheadMillis: by }, CLOCK_JUMPED);
  await compareWithRows(clock, resources.db);
  const services = await createServices(config, resources, { clock, log, opened, handover });
  const { auth, uploads, files, readiness } = services;
  const { db, aside, dataFolder, developerToken, native } = resources;

  // With several nodes, another node may be writing these blobs; they are deleted when their lease expires.
  if (config.database === undefined) await discardBlobsOfEndedProcesses(uploads);
  opened.defer(() => saveTime(db, clock.trustedTime()).catch(() => {}));

  const app = await buildApp(services);
  await app.listen({ ...config.listen, listenTextResolver: () => `listening on ${getUrl(app, config)}` });
  opened.defer(() => closeWithin(app, config.shutdownGrace));

  const checked = handover.check();
  opened.defer(() => checked);
  opened.defer(startBackgroundJobs({ auth, uploads, files, clock }, { config, log, aside }));
  uploads.hasher
    .resume()
    .catch((error: unknown) => log.error({ err: error }, 'resuming the hashes of open uploads failed'));

  const closing = opened.move();
  const stop = async () => {
    readiness.stop();
    await sleep(config.shutdownDelay);
    await closing.disposeAsync();
  };
  return {
    url: getUrl(app, config),
    dataFolder,
    developerToken,
    hashing: describeHashing(config, native),
    checked,
    stop,
  };
}

/** S3 gets parts that were hashed while they passed through the main thread. */
function describeHashing({ storage }: Config, native: Native | undefined): string {
  if (native === undefined) return 'Node.js';
  return storage.kind === 'disk' ? native.describe() : `Node.js (parts), ${native.describe()} (whole files)`;
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
