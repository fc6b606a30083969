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
import { StreamReceiver } from '../../packages/server/src/uploads/part-receiver.ts';
import { MultiNodeRegistry } from '../../packages/server/src/uploads/registry/multi-node.ts';
import { SingleNodeRegistry } from '../../packages/server/src/uploads/registry/single-node.ts';
import { KeyedQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { newPostgresDatabase } from '../database/postgres-database.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { TestClock } from '../support/test-clock.ts';
import { type SpoolingStore, spooling } from './spooling-store.ts';
import { LIFETIME, PART_SIZE, type UploadFixture } from './upload-fixture.ts';
import { trackQueries } from './watch-queries.ts';

export interface NodeOptions {
  /** What goes wrong in the content store, as this node sees it. More may be put in later. */
  plan?: readonly Fault<BlobStore>[];
  /** What goes wrong in the store that the nodes share, behind this node's spool. */
  storePlan?: readonly Fault<BlobStore>[];
  /** What goes wrong with its digests. */
  digestPlan?: readonly Fault<ResumableHashPool>[];
  maxSessions?: number;
  /** What the node sees the database through. */
  watch?: (db: Kysely<Tables>) => Kysely<Tables>;
}

/** A node: an uploads room as main.ts furnishes one of several. */
export interface Node extends UploadFixture {
  id: NodeId;
  spool: SpoolingStore;
  /** Calls to it are lost while this is true. */
  deaf: boolean;
  /** How many calls it has heard. */
  heard: number;
  /** Ends without a word, as a killed process does: what it had at hand is gone, its connections are closed. */
  die(): Promise<void>;
}

/** Nodes over one PostgreSQL database and one store. */
export interface Nodes extends AsyncDisposable {
  url: string;
  folder: string;
  start(options?: NodeOptions): Promise<Node>;
  /** Cuts the connections over which nodes hear each other; they make new ones. */
  cutCalls(): Promise<void>;
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
    async cutCalls() {
      const db = openPostgres(database.url, { connections: 1 });
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'partway listener'`.execute(db);
      await db.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const node of started) await node.die();
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One node alone, over an SQLite file and a store that is as if beyond a network. `restarted` starts it anew. */
export async function openLoneNode(options: NodeOptions = {}): Promise<Node> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-lone-node-')));
  const clock = new TestClock(Date.now());
  const start = (its: NodeOptions = {}) => startNode({ url: undefined, folder, clock }, its, start);
  return start(options);
}

/** Where nodes meet. */
export interface Meeting {
  /** Of the PostgreSQL database; undefined for an SQLite file in the folder. */
  url: string | undefined;
  folder: string;
  clock: UploadFixture['clock'];
}

const LOGIN = 'nodes@partway.test';

export async function startNode(
  { url, folder, clock }: Meeting,
  { plan = [], storePlan = [], digestPlan = [], maxSessions = 100, watch = (db) => db }: NodeOptions,
  start: (options?: NodeOptions) => Promise<Node>,
): Promise<Node> {
  const pool = await openDatabase({ url, file: join(folder, 'partway.sqlite'), connections: 10 });
  const { db, unanswered } = trackQueries(watch(pool));
  const owner =
    (await findUserByLogin(db, LOGIN)) ?? (await addUser(db, { login: LOGIN, name: 'N', now: clock.now() }));
  const id = newNodeId();
  const spool = spooling(faulty(await openDiskStore(folder), storePlan), join(folder, `spool-${id}`));
  const blobs = faulty<BlobStore>(spool, plan);
  const digests = openResumableHashPool({ workers: 1 });
  const bell = url === undefined ? undefined : new PostgresListener(url);
  const troubles: unknown[] = [];
  let dead: Promise<void> | undefined;

  const { promise: heard, resolve: isHeard } = Promise.withResolvers<void>();
  const channels: Channels | undefined = bell && {
    listen: (channel, listener) =>
      bell.listen(channel, {
        onPayload: (payload) => {
          if (node.deaf) return;
          listener.onPayload(payload);
          node.heard += 1;
        },
        onReconnect: () => {
          listener.onReconnect();
          isHeard();
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
    onError: (_session, error) => troubles.push(error),
    now: url === undefined ? () => clock.now() : () => DATABASE_NOW,
  });
  const shelf = {
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
  // From now on no call to it is lost, and it has looked for what it may have missed.
  if (bell !== undefined) await heard;

  async function end(): Promise<void> {
    hasher.stop();
    spool.giveUp();
    await digests.close();
    await bell?.close();
    await pool.destroy();
  }
  const registry = url === undefined ? new SingleNodeRegistry(shelf) : new MultiNodeRegistry(shelf);
  const node: Node = {
    id,
    uploads: Object.assign(shelf, { registry, receiver: new StreamReceiver(Object.assign(shelf, { registry })) }),
    owner,
    folder,
    clock,
    unanswered,
    errors: troubles,
    spool,
    deaf: false,
    heard: 0,
    another: start,
    async restarted(options) {
      await node.die();
      return start(options);
    },
    die() {
      dead ??= end();
      return dead;
    },
    async [Symbol.asyncDispose]() {
      await node.die();
      if (url === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
  return node;
}
