import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Native } from '../../packages/native/src/native.ts';
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
import { createPartReceiver } from '../../packages/server/src/uploads/part-receiver.ts';
import { KeyedQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { testNative } from '../support/native.ts';
import { bytesNotOnDisk, openTestStore } from '../support/storage.ts';
import { TestClock } from '../support/test-clock.ts';
import { databaseSettings, dropTestDatabase, openTestDatabase } from '../support/test-database.ts';
import { trackQueries } from './watch-queries.ts';

/** Small, so that a file with many parts costs little; large enough that a part can be written in several chunks. */
export const PART_SIZE = 65_536;
export const LIFETIME: Millis = 60_000;

/** The number of fixtures in this process. Fixtures with the same folder are nodes, and each node has its own spool. */
let nodes = 0;

const LOGIN = 'room@partway.test';

export interface UploadFixtureOptions {
  /** Faults of the blob store. More can be added later. */
  plan?: readonly Fault<BlobStore>[];
  files?: DurableFiles;
  /** Undefined for no native module, so that all parts are read again for the whole-file hash. */
  native?: Native | undefined;
  /** The number of sessions that the hasher keeps. */
  maxSessions?: number;
}

/** The upload context as server.ts sets it up: a real database file, a real disk store, real hash threads. */
export interface UploadFixture extends AsyncDisposable {
  uploads: UploadContext;
  /** The owner of the uploads. */
  owner: UserRow;
  folder: string;
  /** The clock of the context; shared with fixtures created from this one. */
  clock: TestClock;
  /** Statements that have not been answered or have failed. */
  unanswered: ReadonlySet<object>;
  /** Errors that stopped hashing. */
  errors: unknown[];
  /** Opens a second fixture with the same folder, like another node. It is closed with this one. */
  openAnother(options?: UploadFixtureOptions): Promise<UploadFixture>;
  /** Closes this fixture and opens another one with the same folder, with nothing left in memory. */
  restart(options?: UploadFixtureOptions): Promise<UploadFixture>;
}

/** Opens a fixture with a new folder that is deleted with it, or with the folder of an earlier fixture. */
export async function openUploadFixture({
  folder,
  ...options
}: UploadFixtureOptions & { folder?: string } = {}): Promise<UploadFixture> {
  const overrides = folder ?? deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-room-')));
  return openFixtureIn(overrides, new TestClock(Date.now()), options);
}

async function openFixtureIn(
  folder: string,
  clock: UploadFixture['clock'],
  options: UploadFixtureOptions,
): Promise<UploadFixture> {
  const { native } = { native: testNative, ...options };
  const { plan = [], files = new DurableFiles({ native }), maxSessions = 100 } = options;
  const { db, unanswered } = trackQueries(await openTestDatabase(folder));
  const owner =
    (await findUserByLogin(db, LOGIN)) ?? (await addUser(db, { login: LOGIN, name: 'R', now: clock.now() }));
  const store = await openTestStore(folder, { files, node: String(nodes++) });
  const blobs = faulty(store.blobs, plan);
  const errors: unknown[] = [];
  const others: UploadFixture[] = [];

  async function close(): Promise<void> {
    for (const other of others) await other[Symbol.asyncDispose]();
    await closeHasher();
    store.close();
    await db.destroy();
  }
  const context = { db, blobs, node: newNodeId(), clock };
  const { PARTWAY_DATABASE: url } = databaseSettings(folder);
  const {
    registry,
    hasher,
    close: closeHasher,
  } = openHasher(context, {
    canReadParts: bytesNotOnDisk === undefined,
    url,
    native,
    threads: 1,
    maxSessions,
    onError: (_session, error) => errors.push(error),
  });
  return {
    // The same object, so that a database that a test replaces is also that of the registry.
    uploads: Object.assign(context, {
      inFlight: new InFlightBlobs(),
      registry,
      receiver: createPartReceiver(Object.assign(context, { registry, hasher })),
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
    errors: errors,
    async openAnother(overrides = {}) {
      const other = await openFixtureIn(folder, clock, overrides);
      others.push(other);
      return other;
    },
    async restart(overrides = {}) {
      await close();
      return openFixtureIn(folder, clock, overrides);
    },
    async [Symbol.asyncDispose]() {
      await close();
      await dropTestDatabase(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
