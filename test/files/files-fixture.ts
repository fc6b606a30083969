import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import type { ItemRow, UserRow } from '../../packages/server/src/database/schema.ts';
import type { FileContext } from '../../packages/server/src/files/context.ts';
import { uploadFile } from '../../packages/server/src/files/direct-upload.ts';
import { createFolder } from '../../packages/server/src/files/items.ts';
import type { Published } from '../../packages/server/src/files/publish.ts';
import { DEFAULT_LIMITS } from '../../packages/server/src/limits.ts';
import type { BlobStore, StoredBlob } from '../../packages/server/src/storage/blob-store.ts';
import { InFlightBlobs } from '../../packages/server/src/storage/in-flight.ts';
import { SerialQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { collect } from '../conformance/blob-samples.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { openTestStore } from '../support/storage.ts';
import { TestClock } from '../support/test-clock.ts';
import { dropTestDatabase, openTestDatabase } from '../support/test-database.ts';

/** The files module as the server sets it up: a real database file and a real disk store. */
export interface FilesFixture extends AsyncDisposable {
  /** The folder with its bytes, if they are on disk. */
  folderOfBytes: string;
  files: FileContext;
  clock: TestClock;
  owner: UserRow;
  otherUser: UserRow;
  /** Creates a folder of the owner, in the root by default. */
  folder(name: string, parent?: ItemId): Promise<ItemRow>;
  /** Creates a file of the owner, in the root by default. */
  file(name: string, place?: { text?: string; parent?: ItemId }): Promise<Published>;
  /** The same module with another connection to its database, as on another node. It is disposed of with this one. */
  openNode(): Promise<FilesFixture>;
  /** The same module with other dependencies. */
  withFiles(other: FileContext): FilesFixture;
  /** All blobs in the store, in any state. */
  listBlobs(): Promise<StoredBlob[]>;
}

export async function openFilesFixture(plan: readonly Fault<BlobStore>[] = []): Promise<FilesFixture> {
  const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-files-')));
  const db = await openTestDatabase(home);
  const store = await openTestStore(home);
  const blobs = faulty(store.blobs, plan);
  const clock = new TestClock(Date.parse('2026-11-22T15:00:00Z'));
  const owner = await addUser(db, { login: 'owner@partway.test', name: 'Owner', now: clock.now() });
  const otherUser = await addUser(db, { login: 'stranger@partway.test', name: 'Stranger', now: clock.now() });
  const connections = [db];

  function createFixture(files: FileContext): FilesFixture {
    return {
      folderOfBytes: home,
      files,
      clock,
      owner,
      otherUser,
      folder: (name, parent = owner.root_id) => createFolder(files, { caller: owner.id, folderId: parent, name }),
      file: (name, { text = name, parent = owner.root_id } = {}) =>
        uploadFile(files, { folderId: parent, name }, createBody(owner, text)),
      async openNode() {
        const other = await openTestDatabase(home);
        connections.push(other);
        return createFixture({ ...files, db: other, inFlight: new InFlightBlobs() });
      },
      withFiles: createFixture,
      listBlobs: () => collect(blobs.list()),
      async [Symbol.asyncDispose]() {
        for (const connection of connections) await connection.destroy();
        await dropTestDatabase(home);
        store.close();
        await rm(home, { recursive: true, force: true });
      },
    };
  }
  return createFixture({
    db,
    blobs,
    inFlight: new InFlightBlobs(),
    clock,
    maxFileSize: 1_000,
    limits: { ...DEFAULT_LIMITS },
    trashRetention: { period: undefined, since: clock.now() },
    treeBatches: new SerialQueue(),
  });
}

/** An upload's body with this text. */
export function createBody(user: UserRow, text: string | AsyncIterable<Uint8Array>) {
  const bytes = typeof text === 'string' ? chunks(text) : text;
  return { caller: user.id, bytes, sha1: undefined };
}

export async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** For assert.rejects: accepts an error with this code. */
export function errorWithCode(code: string): (error: unknown) => boolean {
  return (error) => (error as { code?: string }).code === code;
}
