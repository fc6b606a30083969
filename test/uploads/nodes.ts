import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import type { NodeId, SessionId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { findUserByLogin } from '../../packages/server/src/auth/users/store.ts';
import { openDatabase } from '../../packages/server/src/database/open-database.ts';
import { PostgresListener } from '../../packages/server/src/database/postgres/listener.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { DATABASE_NOW } from '../../packages/server/src/database/time.ts';
import {
  openResumableHashPool,
  type ResumableHashPool,
} from '../../packages/server/src/hash-workers/resumable-pool.ts';
import { DEFAULT_LIMITS } from '../../packages/server/src/limits.ts';
import { newNodeId } from '../../packages/server/src/start/open-hasher.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { InFlightBlobs } from '../../packages/server/src/storage/in-flight.ts';
import { DistributedHasher } from '../../packages/server/src/uploads/hashing/distributed.ts';
import { type Channels, NodeMessages } from '../../packages/server/src/uploads/hashing/node-messages.ts';
import { PartLocks } from '../../packages/server/src/uploads/part-locks.ts';
import { createPartReceiver } from '../../packages/server/src/uploads/part-receiver.ts';
import { MultiNodeRegistry } from '../../packages/server/src/uploads/registry/multi-node.ts';
import { SingleNodeRegistry } from '../../packages/server/src/uploads/registry/single-node.ts';
import { KeyedQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { newPostgresDatabase } from '../database/postgres-database.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { TestClock } from '../support/test-clock.ts';
import { createSpoolingStore, type SpoolingStore } from './remote-store.ts';
import { LIFETIME, PART_SIZE, type UploadFixture } from './upload-fixture.ts';
import { trackQueries } from './watch-queries.ts';

export interface NodeOptions {
  /** Faults of the blob store as this node sees it. More can be added later. */
  plan?: readonly Fault<BlobStore>[];
  /** Faults of the store that the nodes share, behind this node's spool. */
  storePlan?: readonly Fault<BlobStore>[];
  /** Faults of hashing. */
  digestPlan?: readonly Fault<ResumableHashPool>[];
  maxSessions?: number;
  /** Wraps the database of the node. */
  watch?: (db: Kysely<Tables>) => Kysely<Tables>;
}

/** A node: an upload context as server.ts sets it up for one of several. */
export interface Node extends UploadFixture {
  id: NodeId;
  spool: SpoolingStore;
  /** Messages to it are lost while this is true. */
  dropsMessages: boolean;
  /** The number of messages that it has received. */
  messageCount: number;
  /** The number of messages to it that were lost. */
  lostMessageCount: number;
  /** Ends like a killed process: its local parts are gone and its connections are closed. */
  kill(): Promise<void>;
}

/** Nodes with one PostgreSQL database and one store. */
export interface Nodes extends AsyncDisposable {
  url: string;
  folder: string;
  start(options?: NodeOptions): Promise<Node>;
  /** Closes the connections over which nodes receive messages; they reconnect. */
  cutMessageConnections(): Promise<void>;
}

export async function openNodes(): Promise<Nodes> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-nodes-')));
  const database = await newPostgresDatabase();
  const clock = new TestClock(Date.now());
  const started: Node[] = [];
  const start = async (options: NodeOptions = {}): Promise<Node> => {
    const node = await startNode({ url: database.url, folder, clock }, options, start);
    started.push(node);
    return node;
  };
  return {
    url: database.url,
    folder,
    start,
    async cutMessageConnections() {
      const db = openPostgres(database.url, { connections: 1 });
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'partway listener'`.execute(db);
      await db.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const node of started) await node.kill();
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Opens a single node with an SQLite file and a store that behaves like a remote one. `restart` starts it again. */
export async function openLoneNode(options: NodeOptions = {}): Promise<Node> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-lone-node-')));
  const clock = new TestClock(Date.now());
  const start = (overrides: NodeOptions = {}) => startNode({ url: undefined, folder, clock }, overrides, start);
  return start(options);
}

/** What the nodes share. */
export interface SharedState {
  /** The URL of the PostgreSQL database; undefined for an SQLite file in the folder. */
  url: string | undefined;
  folder: string;
  clock: UploadFixture['clock'];
}

const LOGIN = 'nodes@partway.test';

export async function startNode(
  { url, folder, clock }: SharedState,
  { plan = [], storePlan = [], digestPlan = [], maxSessions = 100, watch = (db) => db }: NodeOptions,
  start: (options?: NodeOptions) => Promise<Node>,
): Promise<Node> {
  const pool = await openDatabase({ url, file: join(folder, 'partway.sqlite'), connections: 10 });
  const { db, unanswered } = trackQueries(watch(pool));
  const owner =
    (await findUserByLogin(db, LOGIN)) ?? (await addUser(db, { login: LOGIN, name: 'N', now: clock.now() }));
  const id = newNodeId();
  const spool = createSpoolingStore(faulty(await openDiskStore(folder), storePlan), join(folder, `spool-${id}`));
  const blobs = faulty<BlobStore>(spool, plan);
  const digests = openResumableHashPool({ workers: 1 });
  const postgresListener = url === undefined ? undefined : new PostgresListener(url);
  const errors: unknown[] = [];
  let dead: Promise<void> | undefined;

  const { promise: ready, resolve: setReady } = Promise.withResolvers<void>();
  const channels: Channels | undefined = postgresListener && {
    listen: (channel, listener) =>
      postgresListener.listen(channel, {
        onPayload: (payload) => {
          if (node.dropsMessages) {
            node.lostMessageCount += 1;
            return;
          }
          listener.onPayload(payload);
          node.messageCount += 1;
        },
        onReconnect: () => {
          listener.onReconnect();
          setReady();
        },
      }),
  };
  const hasher = new DistributedHasher({
    db,
    blobs,
    digests: faulty<ResumableHashPool>(digests, digestPlan),
    node: id,
    messages: channels && new NodeMessages(db, channels),
    maxSessions,
    onError: (_session, error) => errors.push(error),
    now: url === undefined ? () => clock.now() : () => DATABASE_NOW,
  });
  const context = {
    db,
    blobs,
    inFlight: new InFlightBlobs(),
    hasher,
    partLocks: new PartLocks(),
    commits: new KeyedQueue<SessionId>(),
    limits: { ...DEFAULT_LIMITS, partSize: PART_SIZE, minFileSize: 0, maxFileSize: 2 ** 40, sessionLifetime: LIFETIME },
    node: id,
    clock,
  };
  // From now on, it receives every message, and it has checked for missed ones.
  if (postgresListener !== undefined) await ready;

  async function end(): Promise<void> {
    hasher.stop();
    spool.dropAllLocalParts();
    await digests.close();
    await postgresListener?.close();
    await pool.destroy();
  }
  const registry = url === undefined ? new SingleNodeRegistry(context) : new MultiNodeRegistry(context);
  const node: Node = {
    id,
    uploads: Object.assign(context, { registry, receiver: createPartReceiver(Object.assign(context, { registry })) }),
    owner,
    folder,
    clock,
    unanswered,
    errors: errors,
    spool,
    dropsMessages: false,
    messageCount: 0,
    lostMessageCount: 0,
    openAnother: start,
    async restart(options) {
      await node.kill();
      return start(options);
    },
    kill() {
      dead ??= end();
      return dead;
    },
    async [Symbol.asyncDispose]() {
      await node.kill();
      if (url === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
  return node;
}
