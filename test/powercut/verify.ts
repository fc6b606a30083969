import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Kysely } from 'kysely';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import { openDatabase } from '../../packages/server/src/database/open-database.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { partRange } from '../../packages/server/src/uploads/part-layout.ts';
import { type Session, sessionFromRow } from '../../packages/server/src/uploads/session.ts';
import type { CrashState } from './disk-model.ts';
import type { Promises } from './journal.ts';

/** Writes what a power cut left to `folder`, which is emptied first. */
export function materialize(state: CrashState, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  for (const [path, bytes] of state) {
    if (bytes === undefined) continue;
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, bytes, { mode: 0o600 });
  }
  for (const [path, bytes] of state) if (bytes === undefined) mkdirSync(join(folder, path), { recursive: true });
}

/**
 * Opens the stores of a data folder after a power cut, like a starting server, and checks every promise, and that the
 * bytes of every row exist.
 *
 * @returns The violations, one sentence each.
 */
export async function findViolations(folder: string, promises: Promises): Promise<string[]> {
  const file = join(folder, 'partway.sqlite');
  await using opened = new AsyncDisposableStack();
  try {
    const db = await openDatabase({ url: undefined, file, connections: 1, readers: 0 });
    opened.defer(() => db.destroy());
    const blobs = await openDiskStore(folder);
    const check = new Check(await readRows(db), blobs, promises);
    check.promises();
    await check.bytes();
    return check.violations;
  } catch (error) {
    return [`the stores cannot be opened: ${error}`];
  }
}

/** All rows that promises are about, read once. */
interface Rows {
  sessions: Map<string, Session>;
  parts: { session: string; index: number; sha1: string }[];
  items: Map<string, { name: string; isTrashed: boolean; version: number | null }>;
  versions: Map<number, { blob: BlobId; sha1: string; size: number }>;
}

class Check {
  readonly violations: string[] = [];
  readonly #rows: Rows;
  readonly #content: BlobStore;
  readonly #promises: Promises;

  constructor(rows: Rows, blobs: BlobStore, promises: Promises) {
    this.#rows = rows;
    this.#content = blobs;
    this.#promises = promises;
  }

  promises(): void {
    const { sessions, parts, items } = this.#rows;
    const given = this.#promises;
    const stored = new Map(parts.map(({ session, index, sha1 }) => [`${session} ${index}`, sha1]));
    for (const { session } of given.acked('session')) {
      if (given.mayHave('abort', { session })) continue;
      if (!sessions.has(session)) this.#addViolation(`session ${session} is gone`);
    }
    for (const { session, index, sha1 } of given.acked('part')) {
      if (given.mayHave('abort', { session })) continue;
      const found = stored.get(`${session} ${index}`);
      if (found !== sha1) this.#addViolation(`part ${index} of session ${session} is ${found ?? 'gone'}`);
    }
    for (const { session } of given.acked('abort')) {
      if (sessions.has(session)) this.#addViolation(`the aborted session ${session} is back`);
    }
    for (const { session, sha1, file } of given.acked('commit')) {
      if (sessions.get(session)?.committed?.sha1 !== sha1) this.#addViolation(`session ${session} is not committed`);
      if (file !== undefined) this.#file(file, sha1);
    }
    for (const { file, sha1 } of given.acked('file')) this.#file(file, sha1);
    for (const { folder, name } of given.acked('folder')) {
      if (items.get(folder)?.name !== name) this.#addViolation(`folder ${folder} is gone`);
    }
    for (const { file } of given.acked('trash')) {
      if (items.get(file)?.isTrashed === false) this.#addViolation(`file ${file} is out of the trash again`);
    }
    for (const { file } of given.acked('delete')) {
      if (items.has(file)) this.#addViolation(`the deleted file ${file} is back`);
    }
  }

  /** A row is never written before its bytes are durable; that includes rows that no client was told about. */
  async bytes(): Promise<void> {
    for (const [id, { blob, sha1, size }] of this.#rows.versions) {
      const found = await hashStream(() => this.#content.read(blob));
      if (found !== sha1) this.#addViolation(`version ${id} of ${size} bytes reads as ${found}`);
    }
    for (const { session: id, index, sha1 } of this.#rows.parts) {
      const session = this.#rows.sessions.get(id);
      if (session?.state !== 'open') continue;
      const found = await hashStream(() => this.#openPart(session, index));
      if (found !== sha1) this.#addViolation(`part ${index} of session ${id} reads as ${found}`);
    }
  }

  #file(file: string, sha1: string): void {
    if (this.#promises.mayHave('delete', { file })) return;
    const version = this.#rows.items.get(file)?.version;
    const found = version == null ? undefined : this.#rows.versions.get(version)?.sha1;
    if (found !== sha1) this.#addViolation(`file ${file} is ${found ?? 'gone'}`);
  }

  async #openPart(session: Session, index: number): Promise<AsyncIterable<Uint8Array>> {
    const place = await this.#content.localPart(session.staged, partRange(session.staged.layout, index));
    if (place === undefined) throw new Error('no bytes');
    const file = await open(place.path, 'r');
    return file.createReadStream({ start: place.offset, end: place.offset + place.length - 1 });
  }

  #addViolation(promise: string): void {
    this.violations.push(promise);
  }
}

async function readRows(db: Kysely<Tables>): Promise<Rows> {
  const [sessions, parts, items, versions] = await Promise.all([
    db.selectFrom('upload_sessions').selectAll().execute(),
    db.selectFrom('parts').select(['session_id', 'part_index', 'sha1']).execute(),
    db.selectFrom('items').select(['id', 'name', 'trashed_at', 'version_id']).execute(),
    db.selectFrom('versions').select(['id', 'blob_id', 'sha1', 'size']).execute(),
  ]);
  return {
    sessions: new Map(sessions.map((row) => [row.id, sessionFromRow(row)])),
    parts: parts.map(({ session_id: session, part_index: index, sha1 }) => ({ session, index, sha1 })),
    items: new Map(
      items.map((row) => [
        String(row.id),
        { name: row.name, isTrashed: row.trashed_at !== null, version: row.version_id },
      ]),
    ),
    versions: new Map(versions.map(({ id, blob_id: blob, sha1, size }) => [id, { blob, sha1, size }])),
  };
}

async function hashStream(read: () => Promise<AsyncIterable<Uint8Array>>): Promise<string> {
  const hash = createHash('sha1');
  try {
    for await (const chunk of await read()) hash.update(chunk);
  } catch (error) {
    return String(error);
  }
  return hash.digest('hex');
}
