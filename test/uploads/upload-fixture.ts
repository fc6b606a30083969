import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Millis, SessionId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { findUserByLogin } from '../../packages/server/src/auth/users/store.ts';
import type { UserRow } from '../../packages/server/src/database/schema.ts';
import { DEFAULT_LIMITS } from '../../packages/server/src/limits.ts';
import { newNodeId, openHasher } from '../../packages/server/src/start/open-hasher.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import { InFlightBlobs } from '../../packages/server/src/storage/in-flight.ts';
import type { UploadContext } from '../../packages/server/src/uploads/context.ts';
import { PartLocks } from '../../packages/server/src/uploads/part-locks.ts';
import { StreamReceiver } from '../../packages/server/src/uploads/part-receiver.ts';
import { KeyedQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { databaseSettings, dropTestDatabase, openTestDatabase } from '../support/rows.ts';
import { bytesNotOnDisk, openTestStore } from '../support/storage.ts';
import { TestClock } from '../support/test-clock.ts';
import { trackQueries } from './watch-queries.ts';

/** Small, so that a file of many parts costs little; large enough that a part can be written in more than one piece. */
export const PART_SIZE = 65_536;
export const LIFETIME: Millis = 60_000;

/** Of all rooms in this process; rooms in one folder are nodes, and each node has a spool of its own. */
let nodes = 0;

const LOGIN = 'room@partway.test';

export interface UploadFixtureOptions {
  /** What goes wrong in the content store. More may be put in later. */
  plan?: readonly Fault<BlobStore>[];
  files?: DurableFiles;
  /** How many sessions the follower keeps. */
  maxSessions?: number;
}

/** The uploads room as main.ts furnishes it: a real database file, a real disk store, real digest threads. */
export interface UploadFixture extends AsyncDisposable {
  uploads: UploadContext;
  /** Whose uploads these are. */
  owner: UserRow;
  folder: string;
  /** What the room takes for now; shared with the rooms made from this one. */
  clock: TestClock;
  /** Statements on their way to the database, or that failed. */
  unanswered: ReadonlySet<object>;
  /** Digests that could not go on. */
  errors: unknown[];
  /** A second room on the same folder beside this one, as another node has it. It goes with this one. */
  another(options?: UploadFixtureOptions): Promise<UploadFixture>;
  /** Closes this room and opens another on the same folder: nothing that was in memory is there any more. */
  restarted(options?: UploadFixtureOptions): Promise<UploadFixture>;
}

/** A room in a new folder, which goes with the room; or in one that was a room's before. */
export async function openUploadFixture({
  folder,
  ...options
}: UploadFixtureOptions & { folder?: string } = {}): Promise<UploadFixture> {
  const its = folder ?? deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-room-')));
  return fixtureIn(its, new TestClock(Date.now()), options);
}

async function fixtureIn(
  folder: string,
  clock: UploadFixture['clock'],
  options: UploadFixtureOptions,
): Promise<UploadFixture> {
  const { plan = [], files = new DurableFiles(), maxSessions = 100 } = options;
  const { db, unanswered } = trackQueries(await openTestDatabase(folder));
  const owner =
    (await findUserByLogin(db, LOGIN)) ?? (await addUser(db, { login: LOGIN, name: 'R', now: clock.now() }));
  const store = await openTestStore(folder, { files, node: String(nodes++) });
  const blobs = faulty(store.blobs, plan);
  const troubles: unknown[] = [];
  const others: UploadFixture[] = [];

  async function close(): Promise<void> {
    for (const other of others) await other[Symbol.asyncDispose]();
    await closeFollowing();
    store.close();
    await db.destroy();
  }
  const shelf = { db, blobs, node: newNodeId(), clock };
  const { PARTWAY_DATABASE: url } = databaseSettings(folder);
  const {
    registry,
    hasher,
    close: closeFollowing,
  } = openHasher(shelf, {
    canReadParts: bytesNotOnDisk === undefined,
    url,
    threads: 1,
    maxSessions,
    onError: (_session, error) => troubles.push(error),
  });
  return {
    // One object, so that a database put into it by a test is the ledger's too.
    uploads: Object.assign(shelf, {
      inFlight: new InFlightBlobs(),
      registry,
      receiver: new StreamReceiver(Object.assign(shelf, { registry })),
      hasher,
      partLocks: new PartLocks(),
      commits: new KeyedQueue<SessionId>(),
      limits: {
        ...DEFAULT_LIMITS,
        partSize: PART_SIZE,
        minFileSize: 0,
        maxFileSize: 2 ** 40,
        sessionLifetime: LIFETIME,
      },
    }),
    owner,
    folder,
    clock,
    unanswered,
    errors: troubles,
    async another(its = {}) {
      const other = await fixtureIn(folder, clock, its);
      others.push(other);
      return other;
    },
    async restarted(its = {}) {
      await close();
      return fixtureIn(folder, clock, its);
    },
    async [Symbol.asyncDispose]() {
      await close();
      await dropTestDatabase(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
